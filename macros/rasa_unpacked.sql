{# Reading the unpacked layout. A loader makes a table for a type, and a column for a field, when it first sees one. #}

{# Tables that are there, as {name: {column: type}}. #}
{% macro rasa_unpacked_tables() -%}
{%- set there = {} -%}
{%- for table in ['event', 'event_user', 'event_user__parse_data__intent_ranking', 'event_bot', 'event_bot__data__buttons',
                  'event_action', 'event_action_execution_rejected', 'event_slot', 'event_active_loop', 'event_form',
                  'event_followup', 'event_session_started', 'event_restart', 'event_rewind', 'event_user_featurization'] -%}
  {%- set relation = source('rasa_event', table) -%}
  {%- if execute -%}
    {%- set found = adapter.get_relation(database=relation.database, schema=relation.schema, identifier=relation.identifier) -%}
    {%- if found is not none -%}
      {%- set types = {} -%}
      {%- for column in adapter.get_columns_in_relation(found) -%}
        {%- do types.update({column.name: column.dtype | lower}) -%}
      {%- endfor -%}
      {%- do there.update({table: types}) -%}
    {%- endif -%}
  {%- endif -%}
{%- endfor -%}
{{ return(there) }}
{%- endmacro %}

{#
  The first value of these columns, [[table, column], ..]; a table's alias is its name. An empty text is none, unless it may be empty.
  Null where there is no value.
#}
{% macro rasa_first(there, columns, type='text', may_be_empty=false) -%}
{%- set found = [] -%}
{%- for table, column in columns if column in there.get(table, []) -%}
  {%- set value = table ~ '."' ~ column ~ '"::' ~ type -%}
  {%- do found.append(value if type != 'text' or may_be_empty else 'nullif(' ~ value ~ ", '')") -%}
{%- endfor -%}
{{ 'coalesce(' ~ found | join(', ') ~ ')' if found else 'null::' ~ type }}
{%- endmacro %}

{# A table once per key: a load that was sent again brings the same rows again. Which of them stays is the same each time. #}
{% macro rasa_once(table, columns, key, condition='true') -%}
(
  select distinct on (t.{{ key | join(', t.') }}) t.*
  from {{ source('rasa_event', table) }} t
  where {{ condition }}
    and t.{{ key[0] }} in (select c._record_hash from complete c)
  order by t.{{ key | join(', t.') }}{{ ', t._load_id' if '_load_id' in columns }}, t::text
)
{%- endmacro %}

{# As jsonb, with what the field held in other types: <column>__v_<type>. #}
{% macro rasa_of_any_type(there, columns) -%}
{%- set found = [] -%}
{%- for table, column in columns -%}
  {%- for name in there.get(table, []) if name == column or name.startswith(column ~ '__v_') -%}
    {%- do found.append('to_jsonb(' ~ table ~ '."' ~ name ~ '")') -%}
  {%- endfor -%}
{%- endfor -%}
{{ 'coalesce(' ~ found | join(', ') ~ ')' if found else 'null::jsonb' }}
{%- endmacro %}

{# Events of the complete loads to read, with the columns that the tracker's JSON gives in the other layout. #}
{% macro rasa_unpacked_events(person, external) -%}
{%- set there = rasa_unpacked_tables() -%}
{%- set types = ['event_user', 'event_bot', 'event_action', 'event_action_execution_rejected', 'event_slot', 'event_active_loop',
                 'event_form', 'event_followup', 'event_session_started', 'event_restart', 'event_rewind',
                 'event_user_featurization'] -%}
{#- The best of the ranking that is not the intent itself: the first where the intent does not lead it, else the next. -#}
{%- set ranking = 'event_user__parse_data__intent_ranking' -%}
{%- if ranking in there -%}
  {%- do there.update({'first_ranked': there[ranking]}) -%}
{%- endif -%}
{%- set overruled = rasa_first(there, [['first_ranked', 'name']]) ~ ' <> ' ~ rasa_first(there, [['event_user', 'parse_data__intent__name']]) -%}
{%- set everywhere = [] -%}
{%- set models = [['event', 'model_id']] -%}
{%- for table in ['event'] + types -%}
  {%- do everywhere.append([table, 'metadata__session_id']) -%}
  {%- do models.append([table, 'metadata__model_id']) -%}
{%- endfor -%}
{%- set flags = [] -%}
{%- for table in ['event'] + types -%}
  {%- do flags.append([table, 'is_flagged']) -%}
{%- endfor -%}
select
  {{ rasa_first(there, [['event', 'seq']], 'bigint') }} as seq,
  event._load_id,
  event.sender_id::text as sender_id,
  case event.event
    when 'form' then 'active_loop' when 'form_validation' then 'loop_interrupted' else coalesce(nullif(event.event::text, ''), '__unknown')
  end as event,
  event.happened_at as "timestamp",
  event._record_hash::text as given_hash,
  {{ rasa_first(there, models) }} as model_id,
  coalesce({{ rasa_first(there, [['event', 'environment']]) }}, '__unknown') as environment,
  {{ rasa_first(there, everywhere) }} as metadata_session_id,
  coalesce(lower({{ rasa_first(there, flags) }}) in ('true', 't', '1'), false) as is_flagged,
  {{ rasa_first(there, [['event_action', 'name'], ['event_action_execution_rejected', 'name'], ['event_slot', 'name'],
                        ['event_active_loop', 'name'], ['event_form', 'name'], ['event_followup', 'name']]) }} as name,
  {{ rasa_first(there, [['event_user', 'text'], ['event_user', 'parse_data__text'], ['event_bot', 'text']], may_be_empty=true) }} as text,
  {{ rasa_first(there, [['event_user', 'message_id'], ['event_user', 'parse_data__message_id']]) }} as message_id,
  {{ rasa_first(there, [['event_user', 'input_channel']]) }} as input_channel,
  {{ rasa_first(there, [['event_user', 'parse_data__intent__name']]) }} as intent_name,
  jsonb_build_object(
    'confidence', {{ rasa_of_any_type(there, [['event_user', 'parse_data__intent__confidence']]) }}
  ) as intent,
  case when {{ overruled }} then {{ rasa_first(there, [['first_ranked', 'name']]) }} else {{ rasa_first(there, [[ranking, 'name']]) }} end
    as second_intent_name,
  jsonb_build_object(
    'confidence',
    case
      when {{ overruled }} then {{ rasa_of_any_type(there, [['first_ranked', 'confidence']]) }}
      else {{ rasa_of_any_type(there, [[ranking, 'confidence']]) }}
    end
  ) as second_intent,
  {{ 'null::text' if person == 'sender_id' else rasa_first(there, [['event_user', person]]) }} as person_id,
  {{ 'null::text' if external == 'sender_id'
     else rasa_first(there, [['event_session_started', external], ['event_user', external]]) }} as external_id,
  {{ rasa_first(there, [['event_bot', 'metadata__utter_action'], ['event_bot', 'metadata__template_name']]) }} as utter_action,
  {{ 'coalesce(buttons.button_count, 0)' if 'event_bot__data__buttons' in there else '0' }}::integer as button_count,
  {{ rasa_first(there, [['event_action', 'policy'], ['event_action_execution_rejected', 'policy']]) }} as policy,
  jsonb_build_object(
    'confidence',
    {{ rasa_of_any_type(there, [['event_action', 'confidence'], ['event_action_execution_rejected', 'confidence']]) }}
  ) as doc,
  {{ rasa_of_any_type(there, [['event_slot', 'value']]) }} #>> '{}' as slot_value,
  case
    when nullif(event.sender_id, '') is null then 'sender_missing'
    when length(event.sender_id) > 255 then 'sender_too_long'
    when event.happened_at is null then 'timestamp_invalid'
    when event._record_hash is null then 'hash_missing'
  end as quarantine_reason
from complete event
{%- for table in types if table in there %}
left join {{ rasa_once(table, there[table], ['_record_hash']) }} {{ table }} on {{ table }}._record_hash = event._record_hash
{%- endfor %}
{%- if ranking in there %}
left join {{ rasa_once(ranking, there[ranking], ['_parent_hash'], 't._pos = 0') }} first_ranked on first_ranked._parent_hash = event._record_hash
left join {{ rasa_once(ranking, there[ranking], ['_parent_hash'], 't._pos = 1') }} {{ ranking }}
  on {{ ranking }}._parent_hash = event._record_hash
{%- endif %}
{%- if 'event_bot__data__buttons' in there %}
left join (
  select t._parent_hash, count({{ 'distinct t._pos' if '_pos' in there['event_bot__data__buttons'] else '*' }}) as button_count
  from {{ source('rasa_event', 'event_bot__data__buttons') }} t
  where t._parent_hash in (select c._record_hash from complete c)
  group by 1
) buttons on buttons._parent_hash = event._record_hash
{%- endif %}
{%- endmacro %}

{# The index of events, of the loads to read. Before 1970, after 2100 and infinity are no times; a time without a zone is UTC's. #}
{% macro rasa_unpacked_complete() -%}
{%- set types = rasa_unpacked_tables().get('event', {}) -%}
{%- set type = types.get('timestamp', 'timestamp with time zone') -%}
{%- set happened = 'e."timestamp"' -%}
{%- if type.startswith('timestamp') -%}
  {%- if not type.endswith('with time zone') -%}
    {%- set happened = happened ~ " at time zone 'UTC'" -%}
  {%- endif -%}
{%- else -%}
  {%- set happened = 'to_timestamp(t.epoch)' -%}
{%- endif -%}
select
  e.*,
  case when t.epoch between 0 and 4102444800 then {{ happened }} end as happened_at
from {{ source('rasa_event', 'event') }} e
cross join lateral (select {{ rasa_epoch('e."timestamp"', type) }} as epoch) t
where {{ rasa_as_text('e._load_id', types.get('_load_id')) }} in (select l.load_id from loads l)
{%- endmacro %}
