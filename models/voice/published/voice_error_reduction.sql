{{ config(materialized='table', indexes=[{'columns': ['target', 'segment'], 'unique': true}]) }}
{#
  Whether a version of the recogniser lowers the turn error rate as the seed voice_targets wants: the standardised change
  is at the target, its 95% interval excludes zero, it held in enough complete weeks in a row, and enough of the baseline
  had calls to compare with.
#}
with

longest as (
  select w.target, w.segment, max(w.weeks_in_a_row) as weeks
  from {{ ref('voice_error_reduction_weekly') }} w
  group by 1, 2
)

select
  c.target,
  c.segment,
  t.baseline_version,
  t.version,
  c.baseline_sessions,
  c.baseline_turns,
  c.baseline_error_turns,
  c.sessions,
  c.total_turns,
  c.error_turns,
  c.coverage_rate,
  c.standardised_baseline_rate,
  c.standardised_rate,
  c.difference,
  c.difference_low,
  c.difference_high,
  c.relative_change,
  t.target_change,
  coalesce(c.relative_change <= t.target_change, false) as is_on_target,
  coalesce(c.difference_high < 0, false) as is_certain,
  coalesce(l.weeks, 0)::bigint as weeks_in_a_row,
  coalesce(
    c.relative_change <= t.target_change and c.difference_high < 0 and l.weeks >= t.weeks_required
    and c.coverage_rate >= t.min_coverage, false
  ) as is_reached
from {{ ref('int_voice__error_comparison') }} c
join {{ ref('voice_targets') }} t on t.target = c.target
left join longest l on l.target = c.target and l.segment = c.segment
where c.week_start is null
