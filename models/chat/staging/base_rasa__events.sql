{%- set parse = this.include(identifier=false) ~ '.rasa_try_jsonb' -%}
{{
  config(
    materialized='incremental',
    unique_key='_load_id',
    incremental_strategy='delete+insert',
    pre_hook="{{ rasa_json_reader(this.include(identifier=false)) }}",
    indexes=[
      {'columns': ['_load_id']},
      {'columns': ['sender_id']},
      {'columns': ['_record_hash']},
    ]
  )
}}
{#
  Every raw event once, typed, from either layout. Only named keys are read out of JSON. Types that nobody knows are kept.
  A load is read as a whole, so reading it again changes nothing.
#}
{%- set layout = rasa_layout() -%}
{%- set person = rasa_plain_identifier('user_id') -%}
{%- set external = rasa_plain_identifier('external_session_id') %}
{%- set stored = rasa_stored_types() if layout == 'tracker_store' else {} -%}
{%- set names = ['event', 'value', 'second_intent_name', 'model_id', 'environment', 'message_id', 'input_channel', 'external_session_id',
                 'policy', 'requested_slot'] %}
with

loads as (
  {% if is_incremental() -%}
  select l.load_id from {{ ref('stg_rasa__load_ids') }} l
  {%- else -%}
  -- depends_on: {{ ref('stg_rasa__load_ids') }}
  select l.load_id::text as load_id
  from {{ rasa_loads() }} l
  group by 1
  having bool_or(l.status = 0) and not bool_or(l.status = -1)
  {%- endif %}
),

{% if layout == 'tracker_store' -%}
raw_events as (
  select
    e.id::bigint as seq,
    e.load_id::text as _load_id,
    e.sender_id::text as sender_id,
    -- The table of an event broker has neither; the document says both.
    {{ 'e.type_name::text' if not stored or 'type_name' in stored else 'null::text' }} as type_name,
    {{ rasa_epoch('e."timestamp"', stored.get('timestamp')) if not stored or 'timestamp' in stored else 'null::double precision' }} as "timestamp",
    e.data::text as data,
    {{ parse }}(e.data::text) as parsed
  from {{ source('rasa_tracker', 'events') }} e
  where {{ rasa_as_text('e.load_id', stored.get('load_id')) }} in (select l.load_id from loads l)
  -- A fence: the planner would put the parsing into every expression that reads the document.
  offset 0
),

documents as (
  select
    r.*,
    d.doc,
    -- The best of the ranking that is not the intent itself. The intent leads it, unless a person or a classifier overruled it.
    case
      when d.doc #>> '{parse_data,intent_ranking,0,name}' <> d.doc #>> '{parse_data,intent,name}'
        then d.doc #> '{parse_data,intent_ranking,0}'
      else d.doc #> '{parse_data,intent_ranking,1}'
    end as second_intent,
    coalesce(nullif({{ rasa_scalar('d.doc', 'event') }}, ''), nullif(r.type_name, ''), '__unknown') as told_event,
    -- The event says its own time; a store that came from MySQL has kept seven digits of it. Before 1970, after 2100 and NaN are no times.
    to_timestamp(coalesce(
      {{ number_within(json_num('d.doc', 'timestamp'), 0, 4102444800, 'double precision') }},
      case when r."timestamp" between 0 and 4102444800 then r."timestamp" end
    )) as happened_at
  from raw_events r
  cross join lateral (
    select case when jsonb_typeof(r.parsed) = 'object' then r.parsed else '{}'::jsonb end as doc
    offset 0
  ) d
  offset 0
),

read as (
  select
    r.seq,
    r._load_id,
    r.sender_id,
    case r.told_event
      when 'form' then 'active_loop' when 'form_validation' then 'loop_interrupted' else r.told_event
    end as event,
    r.happened_at as "timestamp",
    -- The same event sent again differs in nothing but what is volatile. Brokers and exports put the sender and the user into the document.
    jsonb_build_array(
      r.sender_id, r.told_event, extract(epoch from r.happened_at)::numeric(20, 6),
      case
        when r.parsed is null then to_jsonb(r.data)
        when jsonb_typeof(r.doc -> 'metadata') = 'object'
          then (r.doc - '{is_flagged,sender_id,timestamp,user_id}'::text[]) #- '{metadata,request_id}'
        else r.doc - '{is_flagged,sender_id,timestamp,user_id}'::text[]
      end
    )::text as content,
    coalesce(nullif({{ rasa_scalar('r.doc', 'model_id') }}, ''), nullif({{ rasa_scalar('r.doc', 'metadata,model_id') }}, '')) as model_id,
    coalesce(nullif({{ rasa_scalar('r.doc', 'environment') }}, ''), '__unknown') as environment,
    nullif({{ rasa_scalar('r.doc', 'metadata,session_id') }}, '') as metadata_session_id,
    coalesce(r.doc -> 'is_flagged' = 'true'::jsonb, false) as is_flagged,
    {{ rasa_scalar('r.doc', 'name') }} as name,
    coalesce({{ rasa_scalar('r.doc', 'text') }}, {{ rasa_scalar('r.doc', 'parse_data,text') }}) as text,
    coalesce(nullif({{ rasa_scalar('r.doc', 'message_id') }}, ''), {{ rasa_scalar('r.doc', 'parse_data,message_id') }}) as message_id,
    {{ rasa_scalar('r.doc', 'input_channel') }} as input_channel,
    nullif({{ rasa_scalar('r.doc', 'parse_data,intent,name') }}, '') as intent_name,
    r.doc #> '{parse_data,intent}' as intent,
    {{ rasa_scalar('r.second_intent', 'name') }} as second_intent_name,
    r.second_intent,
    {{ 'null::text' if person == 'sender_id' else rasa_scalar('r.doc', person.split('__') | join(',')) }} as person_id,
    {{ 'null::text' if external == 'sender_id' else rasa_scalar('r.doc', external.split('__') | join(',')) }} as external_id,
    coalesce(nullif({{ rasa_scalar('r.doc', 'metadata,utter_action') }}, ''), nullif({{ rasa_scalar('r.doc', 'metadata,template_name') }}, ''))
      as utter_action,
    case jsonb_typeof(r.doc #> '{data,buttons}') when 'array' then jsonb_array_length(r.doc #> '{data,buttons}') else 0 end
      as button_count,
    {{ rasa_scalar('r.doc', 'policy') }} as policy,
    r.doc,
    r.doc ->> 'value' as slot_value,
    case
      when nullif(r.sender_id, '') is null then 'sender_missing'
      when length(r.sender_id) > 255 then 'sender_too_long'
      when r.happened_at is null then 'timestamp_invalid'
      when jsonb_typeof(r.parsed) is distinct from 'object' then 'data_not_json'
    end as quarantine_reason
  from documents r
  offset 0
),

{%- else -%}
complete as (
  {{ rasa_unpacked_complete() | indent(2) }}
),

read as (
  {{ rasa_unpacked_events(person, external) | indent(2) }}
),

{% endif -%}
-- What readers shall see of an event: names of things. An empty one is none.
naming as (
  select
    r.*,
    r.event as named_event,
    case r.event
      when 'user' then r.intent_name
      when 'bot' then r.utter_action
      {% for type in ['action', 'slot', 'active_loop', 'action_execution_rejected', 'followup'] -%}
      when '{{ type }}' then nullif(r.name, '')
      {% endfor -%}
    end as named_value,
    case when r.event = 'user' then nullif(r.second_intent_name, '') end as named_second_intent_name,
    r.model_id as named_model_id,
    r.environment as named_environment,
    case when r.event = 'user' then nullif(r.message_id, '') end as named_message_id,
    case when r.event = 'user' then nullif(r.input_channel, '') end as named_input_channel,
    case when r.event in ('user', 'session_started') then nullif(r.external_id, '') end as named_external_session_id,
    case when r.event = 'action' then nullif(r.policy, '') end as named_policy,
    case when r.event = 'slot' and r.name = 'requested_slot' then r.slot_value end as named_requested_slot,
    -- What follows the slash of a message is an intent to Rasa, whatever a user types there.
    r.event = 'user' and r.text ~ '^\s*/' as is_typed_intent,
    {{ json_num('r.intent', 'confidence') }} as n_intent_confidence,
    {{ json_num('r.second_intent', 'confidence') }} as n_second_intent_confidence,
    {{ json_num('r.doc', 'confidence') }} as n_confidence
  from read r
  offset 0
),

-- All of them are looked at as one text first, since nearly always nothing is wrong.
looked_at as (
  select
    n.*,
    n.is_typed_intent or {{ rasa_no_name("concat_ws(e'\n', n.named_" ~ names | join(', n.named_') ~ ")") }} is not null as is_suspicious
  from naming n
  offset 0
),

typed as (
  select
    t.*
    {%- for name in names %},
    case
      {% if name in ['value', 'second_intent_name'] -%}
      when t.is_typed_intent and t.named_{{ name }} ~ '\s' then 'free_text'
      {% endif -%}
      when t.is_suspicious then {{ rasa_no_name('t.named_' ~ name) }}
    end as {{ name }}_problem
    {%- endfor %}
  from looked_at t
  offset 0
)

select
  {% if layout == 'tracker_store' -%}
  encode(sha256(convert_to(t.content, 'UTF8')), 'hex') as _record_hash,
  {%- else -%}
  t.given_hash as _record_hash,
  {%- endif %}
  t._load_id::text as _load_id,
  t.seq,
  -- As long as an index holds.
  left(t.sender_id, 255) as sender_id,
  case when t.event_problem is null then t.event else '__unknown' end as event,
  case when t.event_problem is null and t.value_problem is null then t.named_value end as value,
  t."timestamp",
  case when t.model_id_problem is null then t.model_id end as model_id,
  case when t.environment_problem is null then t.environment else '__unknown' end as environment,
  t.metadata_session_id,
  t.is_flagged,
  t.quarantine_reason,
  case when t.event in ('user', 'bot') then t.text end as text,
  {% for name in ['message_id', 'input_channel', 'second_intent_name'] -%}
  case when t.{{ name }}_problem is null then t.named_{{ name }} end as {{ name }},
  {% endfor -%}
  {% for name in ['intent_confidence', 'second_intent_confidence', 'confidence'] -%}
  {{ number_within('t.n_' ~ name, 0, 1, 'double precision') }} as {{ name }},
  {% endfor -%}
  case when t.event = 'user' and length(t.person_id) between 1 and 255 then t.person_id end as person_id,
  case when t.external_session_id_problem is null then t.named_external_session_id end as external_session_id,
  case when t.event = 'bot' then t.button_count end as button_count,
  case when t.policy_problem is null then t.named_policy end as policy,
  case when t.requested_slot_problem is not null then '(withheld)' when t.event = 'slot' then t.slot_value end as slot_value,
  -- Text: a unit test of dbt knows no arrays.
  array_to_string(array_remove(array[
    {% for column, doc in [('intent_confidence', 'intent'), ('second_intent_confidence', 'second_intent'), ('confidence', 'doc')] -%}
    {{ json_rejection('t.' ~ doc, 'confidence', 't.n_' ~ column, number_within('t.n_' ~ column, 0, 1, 'double precision'), column) }},
    {% endfor -%}
    case when t.event = 'user' and t.intent_name is null then 'intent_name:missing' end,
    case when t.event = 'user' and length(t.person_id) > 255 then 'person_id:too_long' end,
    {% for name in names -%}
    {{ "case when t.event = 'user' then 'intent_name:' else 'value:' end" if name == 'value' else "'" ~ name ~ ":'" }} || t.{{ name }}_problem{{ ',' if not loop.last }}
    {% endfor -%}
  ], null), ',') as dq_flags
from typed t
