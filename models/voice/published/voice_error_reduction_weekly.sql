{{ config(materialized='table', indexes=[{'columns': ['target', 'segment', 'week_start'], 'unique': true}]) }}
-- The protocol of voice_error_reduction week by week, with the length of the run of weeks in which the target holds.
with

days as (
  select
    t.target,
    t.target_change,
    min(f.session_date) filter (where f.asr_model_version = t.version) as first_day,
    max(f.session_date) as last_day
  from {{ ref('voice_targets') }} t
  join {{ ref('fact_voice_ai_sessions') }} f on true
  group by 1, 2
),

weeks as (
  select
    c.*,
    d.first_day <= c.week_start and c.week_start + 6 <= d.last_day as is_complete,
    coalesce(c.relative_change <= d.target_change, false) as is_on_target
  from {{ ref('int_voice__error_comparison') }} c
  join days d on d.target = c.target
  where c.week_start is not null
),

-- Weeks of a run are a week apart: what lies between two runs of them differs from run to run.
runs as (
  select
    w.*,
    w.week_start - 7 * row_number() over (
      partition by w.target, w.segment, w.is_complete and w.is_on_target order by w.week_start
    )::integer as run
  from weeks w
)

select
  r.target,
  r.segment,
  r.week_start,
  r.is_complete,
  r.sessions,
  r.total_turns,
  r.error_turns,
  r.coverage_rate,
  r.standardised_baseline_rate,
  r.standardised_rate,
  r.difference,
  r.difference_low,
  r.difference_high,
  r.relative_change,
  r.is_on_target,
  case when r.is_complete and r.is_on_target then
    row_number() over (
      partition by r.target, r.segment, r.is_complete and r.is_on_target, r.run order by r.week_start
    )
  else 0 end as weeks_in_a_row
from runs r
where r.sessions > 0
