{{
  config(
    materialized='incremental',
    unique_key='turn_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['turn_id'], 'unique': true},
      {'columns': ['session_id']},
      {'columns': ['turn_ingested_at']},
      {'columns': ['session_ingested_at']},
    ]
  )
}}
-- depends_on: {{ ref('base_voice__turns') }}
{#
  Positions count within a session, so all turns of a session are written again together. The key of the write is the
  turn: a turn that a correction moved to another session is replaced where it was.
#}
with

{% if is_incremental() -%}
touched as (
  select n.session_id
  from {{ ref('base_voice__turns') }} b
  cross join lateral unnest(b._session_ids) as n(session_id)
  where {{ at_or_after('b._ingested_at', ingested_since(this, 'turn_ingested_at')) }}
  union
  select s.session_id
  from {{ ref('stg_voice__sessions') }} s
  where {{ at_or_after('s._ingested_at', ingested_since(this, 'session_ingested_at')) }}
),
{%- endif %}

turns as (
  select t.*
  {% if is_incremental() -%}
  from {{ each_by_index('touched', ref('stg_voice__turns'), 't', 't.session_id = l.session_id') }}
  {%- else -%}
  from {{ ref('stg_voice__turns') }} t
  {%- endif %}
)

select
  t.turn_id,
  t.session_id,
  s.session_id is not null as has_session,
  {{ reporting_date('s.started_at') }} as session_date,
  t.turn_number,
  t.turn_position,
  t.speaker,
  t.detected_intent,
  t.intent_confidence,
  t.asr_confidence,
  coalesce(t.error_type, 'none') as error_type,
  t.is_error,
  t.turn_duration_seconds::numeric(18,3) as turn_duration_seconds,
  t.started_at,
  t._ingested_at as turn_ingested_at,
  s._ingested_at as session_ingested_at
from turns t
left join {{ ref('stg_voice__sessions') }} s on s.session_id = t.session_id
