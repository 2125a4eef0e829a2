-- One row per observation of a metric in an arm: its mean is the metric, so counts and sums add up at every level.
-- Rates are observations of 0 and 1. What happened before the unit was assigned is left out.
with

arms as (
  select x.event_id, x.experiment_id, x.variant_id
  from {{ ref('stg_exp__event_experiments') }} x
  where not x.is_pre_exposure
),

of_requests as (
  select a.experiment_id, a.variant_id, o.metric_name, r.event_at as observed_at, o.value
  from {{ ref('int_exp__requests') }} r
  join arms a on a.event_id = r.event_id
  cross join lateral (
    values
      (case r.request_type when 'plan_generated' then 'plan_latency_ms' else 'message_latency_ms' end, r.latency_ms::numeric),
      (case r.request_type when 'plan_generated' then 'plan_tokens' else 'message_tokens' end, r.token_count::numeric),
      ('cost_usd_per_request', coalesce(r.reported_cost_usd, r.estimated_cost_usd)::numeric),
      ('constraint_respect_score', case when r.request_type = 'plan_generated' then r.constraint_respect_score::numeric end)
  ) as o(metric_name, value)
),

of_plans as (
  select x.experiment_id, x.variant_id, o.metric_name, p.generated_at as observed_at, o.value
  from {{ ref('exp_plans') }} p
  join {{ ref('exp_plan_experiments') }} x on x.plan_id = p.plan_id
  cross join lateral (
    values
      ('acceptance_rate', p.is_accepted::int::numeric),
      ('edits_per_accepted_plan', case when p.is_accepted then p.edits::numeric end),
      ('swaps_per_plan', p.swaps::numeric),
      ('validator_rate', (p.interventions > 0)::int::numeric)
  ) as o(metric_name, value)
  where not x.is_pre_exposure
),

of_sessions as (
  select x.experiment_id, x.variant_id, o.metric_name, s.started_at as observed_at, o.value
  from {{ ref('exp_conversation_sessions') }} s
  join {{ ref('exp_session_experiments') }} x on x.session_id = s.session_id
  cross join lateral (
    values
      ('completion_rate', case when s.is_settled then (s.status = 'completed')::int::numeric end),
      ('drop_off_rate', case when s.is_settled then (s.status in ('dropped_off', 'timed_out', 'cancelled'))::int::numeric end),
      ('engagement_rate', s.is_engaged::int::numeric),
      ('turns', case when s.is_settled then s.turns::numeric end),
      ('time_to_completion_seconds', s.time_to_completion_seconds::numeric),
      ('satisfaction_score', s.satisfaction_score::numeric)
  ) as o(metric_name, value)
  where not x.is_pre_exposure
)

select * from of_requests where value is not null
union all
select * from of_plans where value is not null
union all
select * from of_sessions where value is not null
