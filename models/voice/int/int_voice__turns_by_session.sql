{{
  config(
    materialized='incremental',
    unique_key='session_id',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['session_id'], 'unique': true}, {'columns': ['_ingested_at']}]
  )
}}
{#
  One row per session that any copy of a turn has named; with zero turns where all of them were corrected away.
  Averages are taken over numeric, so that the order of rows cannot change the last digit.
#}
with

{% if is_incremental() -%}
touched as (
  select distinct n.session_id
  from {{ ref('base_voice__turns') }} b
  cross join lateral unnest(b._session_ids) as n(session_id)
  where {{ at_or_after('b._ingested_at', ingested_since(this, '_ingested_at')) }}
),
{%- endif %}

named as (
  {% if is_incremental() -%}
  select b.session_id, b._ingested_at
  from {{ each_by_index('touched', ref('base_voice__turns'), 'b', 'b.session_id = l.session_id') }}
  union all
  select n.session_id, b._ingested_at
  from {{ ref('base_voice__turns') }} b
  cross join lateral unnest(b._session_ids) as n(session_id)
  where b._has_moved and n.session_id in (select t.session_id from touched t)
  {%- else -%}
  select n.session_id, b._ingested_at
  from {{ ref('base_voice__turns') }} b
  cross join lateral unnest(b._session_ids) as n(session_id)
  {%- endif %}
),

stamps as (
  select session_id, max(_ingested_at) as _ingested_at
  from named
  group by session_id
),

turns as (
  select
    t.*,
    t.turn_position - row_number() over (partition by t.session_id, t.is_error order by t.turn_position) as run,
    -- Turns without an intent stand between two others without parting them.
    t.detected_intent in ('repeat', 'unknown')
      and lag(t.detected_intent) over (
        partition by t.session_id, t.detected_intent is null order by t.turn_position
      ) in ('repeat', 'unknown') as is_repeat_failure,
    row_number() over (partition by t.session_id, t.speaker order by t.turn_position) as speaker_position
  {% if is_incremental() -%}
  from {{ each_by_index('touched', ref('stg_voice__turns'), 't', 't.session_id = l.session_id') }}
  {%- else -%}
  from {{ ref('stg_voice__turns') }} t
  {%- endif %}
),

runs as (
  select session_id, max(length) as longest_error_run
  from (
    select session_id, run, count(*) as length from turns where is_error group by session_id, run
  ) r
  group by session_id
),

counted as (
  select
    session_id,
    count(*) as total_turns,
    count(*) filter (where speaker = 'user') as user_turns,
    count(*) filter (where speaker = 'system') as system_turns,
    count(turn_number) - count(distinct turn_number) as repeated_turn_numbers,
    count(*) filter (where error_type = 'misunderstanding') as misunderstanding_turns,
    count(*) filter (where error_type = 'silence') as silence_turns,
    count(*) filter (where error_type = 'noise') as noise_turns,
    count(*) filter (where error_type in {{ voice_error_types() }}) as error_turns,
    count(*) filter (where is_repeat_failure) as repeat_failure_turns,
    min(turn_position) filter (where error_type in {{ voice_error_types() }}) as first_error_position,
    avg(asr_confidence::numeric) filter (where speaker = 'user') as avg_asr_confidence,
    min(asr_confidence) filter (where speaker = 'user') as min_asr_confidence,
    avg(asr_confidence::numeric) filter (where speaker = 'user' and speaker_position <= 3) as first3_asr_confidence,
    avg(intent_confidence::numeric) filter (where speaker = 'user' and speaker_position <= 3) as first3_intent_confidence,
    avg(is_error::int) filter (where turn_position <= 3) as first3_error_share,
    avg(asr_confidence::numeric) as avg_asr_confidence_all,
    avg(intent_confidence::numeric) filter (where speaker = 'user') as avg_intent_confidence,
    avg(intent_confidence::numeric) as avg_intent_confidence_all,
    sum(asr_confidence::numeric) filter (where speaker = 'user') as user_asr_confidence_sum,
    count(asr_confidence) filter (where speaker = 'user') as user_asr_confidence_count,
    sum(turn_duration_seconds) as turn_duration_seconds
  from turns
  group by session_id
)

select
  s.session_id,
  coalesce(c.total_turns, 0)::bigint as total_turns,
  coalesce(c.user_turns, 0)::bigint as user_turns,
  coalesce(c.system_turns, 0)::bigint as system_turns,
  coalesce(c.repeated_turn_numbers, 0)::bigint as repeated_turn_numbers,
  coalesce(c.misunderstanding_turns, 0)::bigint as misunderstanding_turns,
  coalesce(c.silence_turns, 0)::bigint as silence_turns,
  coalesce(c.noise_turns, 0)::bigint as noise_turns,
  coalesce(c.error_turns, 0)::bigint as error_turns,
  coalesce(c.repeat_failure_turns, 0)::bigint as repeat_failure_turns,
  coalesce(r.longest_error_run, 0)::bigint as longest_error_run,
  c.first_error_position::bigint as first_error_position,
  c.avg_asr_confidence::double precision as avg_asr_confidence,
  c.min_asr_confidence,
  c.first3_asr_confidence::double precision as first3_asr_confidence,
  c.first3_intent_confidence::double precision as first3_intent_confidence,
  c.first3_error_share::double precision as first3_error_share,
  c.avg_asr_confidence_all::double precision as avg_asr_confidence_all,
  c.avg_intent_confidence::double precision as avg_intent_confidence,
  c.avg_intent_confidence_all::double precision as avg_intent_confidence_all,
  coalesce(c.user_asr_confidence_sum, 0)::numeric(18,6) as user_asr_confidence_sum,
  coalesce(c.user_asr_confidence_count, 0)::bigint as user_asr_confidence_count,
  c.turn_duration_seconds::numeric(18,3) as turn_duration_seconds,
  s._ingested_at
from stamps s
left join counted c on c.session_id = s.session_id
left join runs r on r.session_id = s.session_id
