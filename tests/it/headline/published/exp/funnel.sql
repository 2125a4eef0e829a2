with arms as (
  select variant_id, experiment_name || '/' || variant_name as arm from analytics.exp_experiment_variants
),
cohorts as (
  select 'all' as cohort, d.* from analytics.exp_flow_funnel d where d.slice = 'total'
  union all
  select 'flow ' || d.flow_id, d.* from analytics.exp_flow_funnel d where d.slice = 'flow'
  union all
  select 'arm ' || a.arm, d.*
  from analytics.exp_flow_funnel d
  join arms a on a.variant_id = d.variant_id
  where d.slice = 'experiment'
  union all
  select 'flow ' || d.flow_id || ' arm ' || a.arm, d.*
  from analytics.exp_flow_funnel d
  join arms a on a.variant_id = d.variant_id
  where d.slice = 'experiment'
)
select g.cohort || '/' || v.key, v.value
from (
  select
    cohort,
    sum(started_sessions) as sessions,
    sum(engaged_sessions) as engaged,
    sum(progressed_sessions) as progressed,
    sum(completed_sessions) as funnel_completed,
    sum(completed_any_path_sessions) as completed
  from cohorts
  group by cohort
) g
cross join lateral jsonb_each_text(to_jsonb(g) - 'cohort') as v
