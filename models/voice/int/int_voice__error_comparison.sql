{{ config(materialized='table') }}
{#
  A version of the recogniser against the baseline of a target: the turn error rates by segment and length of call, each
  weighted by the baseline's turns (direct standardisation), so that neither other callers nor shorter calls pass for fewer
  errors. A call is the unit of chance: the turns of one call are not independent. One row per target, segment (`all`: all
  of them) and week (null: the whole time).
#}
with

targets as (
  select * from {{ ref('voice_targets') }}
),

sessions as (
  select
    t.target,
    f.asr_model_version = t.baseline_version as is_baseline,
    case when f.asr_model_version = t.version then date_trunc('week', f.session_date)::date end as week_start,
    {{ voice_segment('f') }} as segment,
    {{ voice_length_band('f.total_turns') }} as length_band,
    f.total_turns::numeric as turns,
    f.error_turns::numeric as errors
  from targets t
  join {{ ref('fact_voice_ai_sessions') }} f
    on f.asr_model_version = t.version
    or (f.asr_model_version = t.baseline_version and f.session_date between t.baseline_from and t.baseline_until)
  where f.has_turns
),

strata as (
  select
    s.target,
    s.is_baseline,
    s.week_start,
    s.segment,
    s.length_band,
    count(*) as sessions,
    sum(s.turns) as turns,
    sum(s.errors) as errors,
    sum(s.errors * s.errors) as errors_squared,
    sum(s.turns * s.turns) as turns_squared,
    sum(s.errors * s.turns) as product
  from sessions s
  group by 1, 2, 3, 4, 5
),

baseline as (
  select * from strata where is_baseline
),

-- What a row speaks about: all callers or a segment, the whole time or a week.
scopes as (
  select t.target, 'all' as scope, null::date as week_start from targets t
  union
  select s.target, x.scope, x.week_start
  from strata s
  cross join lateral (
    values ('all', s.week_start), (s.segment, s.week_start), (s.segment, null::date)
  ) as x(scope, week_start)
),

after as (
  select
    c.target,
    c.scope,
    c.week_start,
    s.segment,
    s.length_band,
    sum(s.sessions) as sessions,
    sum(s.turns) as turns,
    sum(s.errors) as errors,
    sum(s.errors_squared) as errors_squared,
    sum(s.turns_squared) as turns_squared,
    sum(s.product) as product
  from scopes c
  join strata s
    on s.target = c.target
    and not s.is_baseline
    and (c.scope = 'all' or s.segment = c.scope)
    and (c.week_start is null or s.week_start = c.week_start)
  group by 1, 2, 3, 4, 5
),

-- Of one call nothing is known about its like.
compared as (
  select
    a.target,
    a.scope,
    a.week_start,
    a.segment,
    a.length_band,
    b.turns::double precision as weight,
    (b.errors / b.turns)::double precision as rate_before,
    (a.errors / a.turns)::double precision as rate_after,
    {{ ratio_variance('b.sessions', 'b.errors', 'b.turns', 'b.errors_squared', 'b.turns_squared', 'b.product') }}
      + {{ ratio_variance('a.sessions', 'a.errors', 'a.turns', 'a.errors_squared', 'a.turns_squared', 'a.product') }}
      as variance
  from after a
  join baseline b on b.target = a.target and b.segment = a.segment and b.length_band = a.length_band
  where a.sessions >= 2
    and b.sessions >= 2
),

-- Sums of floating point in one order, so that a build gives the same digits again.
standardised as (
  select
    c.target,
    c.scope,
    c.week_start,
    sum(c.weight) as covered_turns,
    sum(c.weight * c.rate_before order by c.segment, c.length_band) / sum(c.weight) as rate_before,
    sum(c.weight * c.rate_after order by c.segment, c.length_band) / sum(c.weight) as rate_after,
    sqrt(sum(c.weight ^ 2 * c.variance order by c.segment, c.length_band)) / sum(c.weight) as standard_error
  from compared c
  group by 1, 2, 3
),

totals_before as (
  select c.target, c.scope, c.week_start, sum(b.sessions) as sessions, sum(b.turns) as turns, sum(b.errors) as errors
  from scopes c
  join baseline b on b.target = c.target and (c.scope = 'all' or b.segment = c.scope)
  group by 1, 2, 3
),

totals_after as (
  select a.target, a.scope, a.week_start, sum(a.sessions) as sessions, sum(a.turns) as turns, sum(a.errors) as errors
  from after a
  group by 1, 2, 3
)

select
  c.target,
  c.scope as segment,
  c.week_start,
  coalesce(b.sessions, 0)::bigint as baseline_sessions,
  coalesce(b.turns, 0)::bigint as baseline_turns,
  coalesce(b.errors, 0)::bigint as baseline_error_turns,
  coalesce(a.sessions, 0)::bigint as sessions,
  coalesce(a.turns, 0)::bigint as total_turns,
  coalesce(a.errors, 0)::bigint as error_turns,
  round(coalesce(s.covered_turns / b.turns::double precision, 0)::numeric, 9)::double precision as coverage_rate,
  round(s.rate_before::numeric, 9)::double precision as standardised_baseline_rate,
  round(s.rate_after::numeric, 9)::double precision as standardised_rate,
  round((s.rate_after - s.rate_before)::numeric, 9)::double precision as difference,
  round((s.rate_after - s.rate_before - {{ z_95() }} * s.standard_error)::numeric, 9)::double precision as difference_low,
  round((s.rate_after - s.rate_before + {{ z_95() }} * s.standard_error)::numeric, 9)::double precision as difference_high,
  round((s.rate_after / nullif(s.rate_before, 0) - 1)::numeric, 9)::double precision as relative_change
from scopes c
left join totals_before b
  on b.target = c.target and b.scope = c.scope and b.week_start is not distinct from c.week_start
left join totals_after a
  on a.target = c.target and a.scope = c.scope and a.week_start is not distinct from c.week_start
left join standardised s
  on s.target = c.target and s.scope = c.scope and s.week_start is not distinct from c.week_start
