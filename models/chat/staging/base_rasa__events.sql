{%- set parse = this.include(identifier=false) ~ '.rasa_try_jsonb' -%}
{{
  config(
    materialized='incremental',
    unique_key='_load_id',
    incremental_strategy='delete+insert',
    pre_hook="create or replace function {{ this.include(identifier=false) }}.rasa_try_jsonb(doc text) returns jsonb language plpgsql immutable parallel unsafe as 'begin return doc::jsonb; exception when others then return null; end'",
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
    e.type_name::text as type_name,
    -- Before 1970, after 2100 and NaN are no times.
    case when e."timestamp" between 0 and 4102444800 then to_timestamp(e."timestamp") end as "timestamp",
    e.data::text as data,
    {{ parse }}(e.data::text) as parsed
  from {{ source('rasa_tracker', 'events') }} e
  where e.load_id in (select l.load_id from loads l)
  -- A fence: the planner would put the parsing into every expression that reads the document.
  offset 0
),

read as (
  select
    r.seq,
    r._load_id,
    r.sender_id,
    case coalesce(d.doc ->> 'event', r.type_name)
      when 'form' then 'active_loop' when 'form_validation' then 'loop_interrupted'
      else coalesce(d.doc ->> 'event', r.type_name)
    end as event,
    r."timestamp",
    -- The same event sent again differs in nothing but what is volatile.
    jsonb_build_array(
      r.sender_id, coalesce(d.doc ->> 'event', r.type_name), extract(epoch from r."timestamp")::numeric(20, 6),
      case when r.parsed is null then to_jsonb(r.data) else (d.doc - '{is_flagged}'::text[]) #- '{metadata,request_id}' end
    )::text as content,
    coalesce(d.doc ->> 'model_id', d.doc #>> '{metadata,model_id}') as model_id,
    coalesce(d.doc ->> 'environment', '__unknown') as environment,
    d.doc #>> '{metadata,session_id}' as metadata_session_id,
    case
      when jsonb_typeof(d.doc -> 'is_flagged') = 'boolean' then (d.doc ->> 'is_flagged')::boolean else false
    end as is_flagged,
    d.doc ->> 'name' as name,
    d.doc ->> 'text' as text,
    coalesce(d.doc ->> 'message_id', d.doc #>> '{parse_data,message_id}') as message_id,
    d.doc ->> 'input_channel' as input_channel,
    d.doc #>> '{parse_data,intent,name}' as intent_name,
    d.doc #> '{parse_data,intent}' as intent,
    -- Element 0 of the ranking is the intent itself.
    d.doc #>> '{parse_data,intent_ranking,1,name}' as second_intent_name,
    d.doc #> '{parse_data,intent_ranking,1}' as second_intent,
    {{ 'null::text' if person == 'sender_id' else rasa_unpacked_path('d.doc', person) }} as person_id,
    {{ 'null::text' if external == 'sender_id' else rasa_unpacked_path('d.doc', external) }} as external_id,
    coalesce(d.doc #>> '{metadata,utter_action}', d.doc #>> '{metadata,template_name}') as utter_action,
    case jsonb_typeof(d.doc #> '{data,buttons}') when 'array' then jsonb_array_length(d.doc #> '{data,buttons}') else 0 end
      as button_count,
    d.doc ->> 'policy' as policy,
    d.doc as doc,
    d.doc ->> 'value' as slot_value,
    case
      when nullif(r.sender_id, '') is null then 'sender_missing'
      when r."timestamp" is null then 'timestamp_invalid'
      when jsonb_typeof(r.parsed) is distinct from 'object' then 'data_not_json'
    end as quarantine_reason
  from raw_events r
  cross join lateral (
    select case when jsonb_typeof(r.parsed) = 'object' then r.parsed else '{}'::jsonb end as doc
    offset 0
  ) d
  offset 0
),

typed as (
  select
    r.*,
    {{ json_num('r.intent', 'confidence') }} as n_intent_confidence,
    {{ json_num('r.second_intent', 'confidence') }} as n_second_intent_confidence,
    {{ json_num('r.doc', 'confidence') }} as n_confidence
  from read r
)
{%- else -%}
{%- set there = namespace(tables=[]) -%}
{%- if execute -%}
  {%- for table in ['event_user', 'event_user__parse_data__intent_ranking', 'event_bot', 'event_bot__data__buttons', 'event_action', 'event_slot', 'event_active_loop'] -%}
    {%- set relation = source('rasa_event', table) -%}
    {%- if adapter.get_relation(relation.database, relation.schema, relation.identifier) is not none -%}
      {%- do there.tables.append(table) -%}
    {%- endif -%}
  {%- endfor -%}
{%- endif %}
typed as (
  select
    e.seq::bigint as seq,
    e._load_id::text as _load_id,
    e.sender_id::text as sender_id,
    case e.event when 'form' then 'active_loop' when 'form_validation' then 'loop_interrupted' else e.event end as event,
    e."timestamp",
    e._record_hash::text as given_hash,
    e.model_id::text as model_id,
    coalesce(e.environment, '__unknown')::text as environment,
    null::text as metadata_session_id,
    {{ 'coalesce(u.is_flagged, false)' if 'event_user' in there.tables else 'false' }} as is_flagged,
    coalesce(
      null::text
      {%- for table, alias in [('event_action', 'a'), ('event_slot', 's'), ('event_active_loop', 'l')] if table in there.tables -%}
      , {{ alias }}.name
      {%- endfor -%}
    ) as name,
    {% if 'event_user' in there.tables -%}
    {{ 'coalesce(u.text, b.text)' if 'event_bot' in there.tables else 'u.text' }} as text,
    coalesce(u.message_id, u.parse_data__message_id) as message_id,
    u.input_channel as input_channel,
    u.parse_data__intent__name as intent_name,
    u.parse_data__intent__confidence as n_intent_confidence,
    {{ 'null::text' if person == 'sender_id' else 'u.' ~ person ~ '::text' }} as person_id,
    {{ 'null::text' if external == 'sender_id' else 'u.' ~ external ~ '::text' }} as external_id,
    {%- else -%}
    {{ 'b.text' if 'event_bot' in there.tables else 'null::text' }} as text, null::text as message_id,
    null::text as input_channel, null::text as intent_name, null::double precision as n_intent_confidence,
    null::text as person_id, null::text as external_id,
    {%- endif %}
    {% if 'event_user__parse_data__intent_ranking' in there.tables -%}
    k.name as second_intent_name, k.confidence as n_second_intent_confidence,
    {%- else -%}
    null::text as second_intent_name, null::double precision as n_second_intent_confidence,
    {%- endif %}
    {{ 'coalesce(b.metadata__utter_action, b.metadata__template_name)' if 'event_bot' in there.tables else 'null::text' }} as utter_action,
    {% if 'event_bot__data__buttons' in there.tables -%}
    (
      select count(*) from {{ source('rasa_event', 'event_bot__data__buttons') }} t where t._parent_hash = e._record_hash
    )::integer as button_count,
    {%- else -%}
    0 as button_count,
    {%- endif %}
    {% if 'event_action' in there.tables -%}
    a.policy, a.confidence as n_confidence,
    {%- else -%}
    null::text as policy, null::double precision as n_confidence,
    {%- endif %}
    {{ 's.value' if 'event_slot' in there.tables else 'null::text' }} as slot_value,
    case
      when nullif(e.sender_id, '') is null then 'sender_missing' when e."timestamp" is null then 'timestamp_invalid'
    end as quarantine_reason
  from {{ source('rasa_event', 'event') }} e
  {% for table, alias in [('event_user', 'u'), ('event_bot', 'b'), ('event_action', 'a'), ('event_slot', 's'), ('event_active_loop', 'l')] if table in there.tables -%}
  left join {{ source('rasa_event', table) }} {{ alias }} on {{ alias }}._record_hash = e._record_hash
  {% endfor -%}
  {% if 'event_user__parse_data__intent_ranking' in there.tables -%}
  left join {{ source('rasa_event', 'event_user__parse_data__intent_ranking') }} k
    on k._parent_hash = e._record_hash and k._pos = 1
  {% endif -%}
  where e._load_id in (select l.load_id from loads l)
)
{%- endif %}

select
  {% if layout == 'tracker_store' -%}
  encode(sha256(convert_to(t.content, 'UTF8')), 'hex') as _record_hash,
  {%- else -%}
  t.given_hash as _record_hash,
  {%- endif %}
  t._load_id,
  t.seq,
  t.sender_id,
  t.event,
  case t.event
    when 'user' then t.intent_name
    when 'bot' then t.utter_action
    when 'action' then t.name
    when 'slot' then t.name
    when 'active_loop' then t.name
    when 'action_execution_rejected' then t.name
    when 'followup' then t.name
  end as value,
  t."timestamp",
  t.model_id,
  t.environment,
  t.metadata_session_id,
  t.is_flagged,
  t.quarantine_reason,
  case when t.event in ('user', 'bot') then t.text end as text,
  case when t.event = 'user' then t.message_id end as message_id,
  case when t.event = 'user' then t.input_channel end as input_channel,
  case when t.event = 'user' then t.second_intent_name end as second_intent_name,
  {% for name in ['intent_confidence', 'second_intent_confidence', 'confidence'] -%}
  {{ number_within('t.n_' ~ name, 0, 1, 'double precision') }} as {{ name }},
  {% endfor -%}
  case when t.event = 'user' then nullif(t.person_id, '') end as person_id,
  case when t.event in ('user', 'session_started') then nullif(t.external_id, '') end as external_session_id,
  case when t.event = 'bot' then t.button_count end as button_count,
  case when t.event = 'action' then t.policy end as policy,
  case when t.event = 'slot' then t.slot_value end as slot_value,
  {% if layout == 'tracker_store' -%}
  -- Text: a unit test of dbt knows no arrays.
  array_to_string(array_remove(array[
    {{ json_rejection('t.intent', 'confidence', 't.n_intent_confidence', number_within('t.n_intent_confidence', 0, 1, 'double precision'), 'intent_confidence') }},
    {{ json_rejection('t.second_intent', 'confidence', 't.n_second_intent_confidence', number_within('t.n_second_intent_confidence', 0, 1, 'double precision'), 'second_intent_confidence') }},
    {{ json_rejection('t.doc', 'confidence', 't.n_confidence', number_within('t.n_confidence', 0, 1, 'double precision'), 'confidence') }},
    case when t.event = 'user' and t.intent_name is null then 'intent_name:missing' end
  ], null), ',')
  {%- else -%}
  coalesce(case when t.event = 'user' and t.intent_name is null then 'intent_name:missing' end, '')
  {%- endif %} as dq_flags
from typed t
