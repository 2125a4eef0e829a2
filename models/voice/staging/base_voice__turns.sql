{{
  config(
    materialized='incremental',
    unique_key='turn_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['turn_id'], 'unique': true},
      {'columns': ['session_id']},
      {'columns': ['_has_moved']},
      {'columns': ['_ingested_at']},
    ]
  )
}}
{#
  One row per turn, the copy ingested last. `_session_ids` are all sessions that copies of the turn have named: when a
  correction moves a turn, the session it left is computed again too. What names no turn or no session is counted in dq_voice.
#}
{%- set columns = [
  'turn_id', 'session_id', 'turn_number', 'speaker', 'detected_intent', 'intent_confidence', 'asr_confidence',
  'error_type', 'turn_duration_seconds', 'started_at', 'created_at', 'dq_flags',
] -%}
with

fresh as (
  select
    turn_id::text as turn_id,
    session_id::text as session_id,
    turn_number::bigint as turn_number,
    lower(trim(speaker)) as speaker,
    nullif(lower(trim(detected_intent)), '') as detected_intent,
    {{ confidence('intent_confidence') }} as intent_confidence,
    {{ confidence('asr_confidence') }} as asr_confidence,
    nullif(lower(trim(error_type)), '') as error_type,
    case when turn_duration_sec >= 0 then turn_duration_sec end as turn_duration_seconds,
    {{ time_or_day('started_at') }} as started_at,
    created_at,
    array_remove(array[
      case when intent_confidence is not null and {{ confidence('intent_confidence') }} is null
        then 'intent_confidence:out_of_range' end,
      case when asr_confidence is not null and {{ confidence('asr_confidence') }} is null
        then 'asr_confidence:out_of_range' end,
      case when turn_duration_sec < 0 then 'turn_duration_seconds:negative' end
    ], null) as dq_flags,
    ingested_at as _ingested_at
  from {{ source('voice', 'voice_turns') }}
  where turn_id is not null and session_id is not null
  {% if is_incremental() -%}
    and {{ at_or_after('ingested_at', ingested_since(this, '_ingested_at')) }}
  {%- endif %}
),

named as (
  select turn_id, session_id from fresh
  {% if is_incremental() -%}
  union
  select t.turn_id, n.session_id
  from {{ this }} t
  cross join lateral unnest(t._session_ids) as n(session_id)
  where t.turn_id in (select f.turn_id from fresh f)
  {%- endif %}
),

sessions_named as (
  select turn_id, array_agg(distinct session_id order by session_id) as _session_ids
  from named
  group by turn_id
),

newest as (
  {{ newest_copy('fresh', 'turn_id', columns) }}
)

select
  {% for column in columns -%}
  t.{{ column }},
  {% endfor -%}
  t._ingested_at,
  n._session_ids,
  cardinality(n._session_ids) > 1 as _has_moved
from newest t
join sessions_named n on n.turn_id = t.turn_id
