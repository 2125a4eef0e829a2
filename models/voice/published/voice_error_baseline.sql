{{ config(materialized='table') }}
-- Error turns by recogniser version and week, with Wilson's 95% interval, to compare before and after a version.
with

weeks as (
  select
    s.asr_model_version,
    date_trunc('week', s.session_date)::date as week_start,
    count(*) as sessions,
    sum(s.total_turns)::bigint as total_turns,
    sum(s.error_turns)::bigint as error_turns
  from {{ ref('fact_voice_ai_sessions') }} s
  where s.has_turns
  group by 1, 2
),

rates as (
  select w.*, w.error_turns::double precision / w.total_turns as p, w.total_turns::double precision as n from weeks w
)

select
  r.asr_model_version,
  r.week_start,
  r.sessions,
  r.total_turns,
  r.error_turns,
  r.p as turn_error_rate,
  -- The constants are rounded: without the bounds, a week without errors would begin a hair below zero.
  greatest(0, (r.p + 1.920729410 / r.n - 1.959963985 * sqrt((r.p * (1 - r.p) + 0.960364705 / r.n) / r.n))
    / (1 + 3.841458821 / r.n)) as turn_error_rate_low,
  least(1, (r.p + 1.920729410 / r.n + 1.959963985 * sqrt((r.p * (1 - r.p) + 0.960364705 / r.n) / r.n))
    / (1 + 3.841458821 / r.n)) as turn_error_rate_high
from rates r
