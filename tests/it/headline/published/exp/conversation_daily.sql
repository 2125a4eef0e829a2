with arms as (
  select variant_id, experiment_name || '/' || variant_name as arm from analytics.exp_experiment_variants
),
cohorts as (
  select 'all' as cohort, d.* from analytics.exp_conversation_daily d where d.slice = 'total'
  union all
  select 'flow ' || d.flow_id, d.* from analytics.exp_conversation_daily d where d.slice = 'flow'
  union all
  select 'arm ' || a.arm, d.*
  from analytics.exp_conversation_daily d
  join arms a on a.variant_id = d.variant_id
  where d.slice = 'experiment'
  union all
  select 'flow ' || d.flow_id || ' arm ' || a.arm, d.*
  from analytics.exp_conversation_daily d
  join arms a on a.variant_id = d.variant_id
  where d.slice = 'experiment'
)
select g.cohort || '/' || v.key, v.value
from (
  select
    cohort,
    sum(sessions) as sessions,
    sum(settled_sessions) as settled,
    sum(completed_sessions) as completed,
    sum(cancelled_sessions) as cancelled,
    sum(dropped_off_sessions) as dropped_off,
    sum(timed_out_sessions) as timed_out,
    sum(in_progress_sessions) as in_progress,
    sum(engaged_sessions) as engaged,
    sum(settled_turns) as settled_turns,
    sum(tokens_total) as tokens,
    sum(satisfaction_count) as scored,
    (sum(satisfaction_sum) / nullif(sum(satisfaction_count), 0))::float8 as avg_satisfaction,
    sum(completed_sessions)::float8 / nullif(sum(settled_sessions), 0)::float8 as completion_rate,
    sum(dropped_off_sessions + timed_out_sessions + cancelled_sessions)::float8 / nullif(sum(settled_sessions), 0)::float8
      as drop_off_rate,
    sum(dropped_off_sessions)::float8 / nullif(sum(settled_sessions), 0)::float8 as reported_drop_off_rate,
    sum(settled_turns)::float8 / nullif(sum(settled_sessions), 0)::float8 as avg_turns,
    (sum(completion_seconds) / nullif(sum(completed_sessions), 0))::float8 as avg_time_to_completion_seconds
  from cohorts
  group by cohort
) g
cross join lateral jsonb_each_text(to_jsonb(g) - 'cohort') as v
