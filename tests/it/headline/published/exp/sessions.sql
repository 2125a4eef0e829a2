with arms as (
  select x.session_id, v.experiment_name || '/' || v.variant_name as arm
  from analytics.exp_session_experiments x
  join analytics.exp_experiment_variants v on v.variant_id = x.variant_id
  where not x.is_pre_exposure
),
cohorts as (
  select 'all' as cohort, s.* from analytics.exp_conversation_sessions s
  union all
  select 'flow ' || coalesce(s.flow_id, '(none)'), s.* from analytics.exp_conversation_sessions s
  union all
  select 'arm ' || a.arm, s.* from analytics.exp_conversation_sessions s join arms a on a.session_id = s.session_id
  union all
  select 'flow ' || coalesce(s.flow_id, '(none)') || ' arm ' || a.arm, s.*
  from analytics.exp_conversation_sessions s
  join arms a on a.session_id = s.session_id
)
select g.cohort || '/' || v.key, v.value
from (
  select
    cohort,
    count(*) as sessions,
    count(*) filter (where status = 'completed') as completed,
    count(*) filter (where status = 'cancelled') as cancelled,
    count(*) filter (where status = 'dropped_off') as dropped_off,
    count(*) filter (where status = 'timed_out') as timed_out,
    count(*) filter (where status = 'in_progress') as in_progress,
    count(*) filter (where is_settled) as settled,
    count(*) filter (where is_engaged) as engaged,
    coalesce(sum(turns) filter (where is_settled), 0) as settled_turns,
    coalesce(sum(tokens_total), 0) as tokens,
    count(satisfaction_score) as scored,
    avg(satisfaction_score)::float8 as avg_satisfaction,
    coalesce((sum(extract(epoch from completed_at - started_at)) filter (where status = 'completed') * 1000000), 0)::bigint
      as completion_microseconds,
    (avg(extract(epoch from completed_at - started_at)) filter (where status = 'completed'))::float8
      as avg_time_to_completion_seconds
  from cohorts
  group by cohort
) g
cross join lateral jsonb_each_text(to_jsonb(g) - 'cohort') as v
union all
select v.figure, v.value::text
from (
  select
    count(*) filter (where start_inferred) as a,
    count(*) filter (where has_conflicting_terminal) as b,
    count(*) filter (where recovered_after_dropoff) as c
  from analytics.exp_conversation_sessions
) f
cross join lateral (
  values ('start_inferred', f.a), ('conflicting_terminal', f.b), ('recovered_after_drop_off', f.c)
) as v(figure, value)
