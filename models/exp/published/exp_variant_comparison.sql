{{ config(materialized='table', indexes=[{'columns': ['experiment_id', 'variant_id'], 'unique': true}]) }}
-- Every metric of every arm, over all that happened after the assignment. Arms without anything keep a row.
with

sessions as (
  select
    x.variant_id,
    count(*) as sessions,
    count(*) filter (where s.is_engaged) as engaged_sessions,
    count(*) filter (where s.is_settled) as settled_sessions,
    count(*) filter (where s.status = 'completed') as completed_sessions,
    count(*) filter (where s.status = 'dropped_off') as dropped_off_sessions,
    sum(s.turns) filter (where s.is_settled) as settled_turns,
    avg(s.time_to_completion_seconds) as avg_seconds,
    avg(s.satisfaction_score) as avg_satisfaction,
    count(s.satisfaction_score) as satisfaction_count,
    sum(s.tokens_total) as tokens_total
  from {{ ref('exp_session_experiments') }} x
  join {{ ref('exp_conversation_sessions') }} s on s.session_id = x.session_id
  where not x.is_pre_exposure
  group by 1
),

plans as (
  select
    x.variant_id,
    count(*) as plans,
    count(*) filter (where p.is_accepted) as accepted_plans,
    sum(p.edits) filter (where p.is_accepted) as accepted_plan_edits,
    sum(p.swaps) as swaps,
    count(*) filter (where p.interventions > 0) as intervened_plans,
    avg(p.constraint_respect_score) as constraint_respect_score
  from {{ ref('exp_plan_experiments') }} x
  join {{ ref('exp_plans') }} p on p.plan_id = x.plan_id
  where not x.is_pre_exposure
  group by 1
),

latencies as (
  select
    x.variant_id,
    {% for type in ['plan_generated', 'message_sent'] -%}
    {% for percent in [50, 95, 99] -%}
    percentile_cont({{ percent / 100 }}) within group (order by r.latency_ms::double precision)
      filter (where r.request_type = '{{ type }}') as {{ type }}_p{{ percent }},
    {% endfor -%}
    {% endfor -%}
    avg(r.token_count) filter (where r.request_type = 'plan_generated') as tokens_per_plan,
    sum(coalesce(r.reported_cost_usd, r.estimated_cost_usd)) as cost_usd
  from {{ ref('int_exp__requests') }} r
  join {{ ref('stg_exp__event_experiments') }} x on x.event_id = r.event_id
  where not x.is_pre_exposure
  group by 1
)

select
  v.experiment_id,
  v.variant_id,
  v.experiment_name,
  v.variant_name,
  v.is_baseline,
  v.allocation,
  v.assigned_units,
  coalesce(s.sessions, 0)::bigint as sessions,
  coalesce(s.settled_sessions, 0)::bigint as settled_sessions,
  coalesce(s.completed_sessions, 0)::bigint as completed_sessions,
  s.engaged_sessions::double precision / nullif(s.sessions, 0) as engagement_rate,
  s.completed_sessions::double precision / nullif(s.settled_sessions, 0) as completion_rate,
  {{ wilson_bound('s.completed_sessions', 's.settled_sessions', 'low') }} as completion_rate_low,
  {{ wilson_bound('s.completed_sessions', 's.settled_sessions', 'high') }} as completion_rate_high,
  (s.settled_sessions - s.completed_sessions)::double precision / nullif(s.settled_sessions, 0) as drop_off_rate,
  s.dropped_off_sessions::double precision / nullif(s.settled_sessions, 0) as reported_drop_off_rate,
  s.settled_turns::double precision / nullif(s.settled_sessions, 0) as avg_turns,
  s.avg_seconds::double precision as avg_time_to_completion_seconds,
  s.avg_satisfaction::double precision as avg_satisfaction_score,
  coalesce(s.satisfaction_count, 0)::bigint as satisfaction_count,
  s.tokens_total::double precision / nullif(s.sessions, 0) as tokens_per_conversation,
  coalesce(p.plans, 0)::bigint as plans,
  coalesce(p.accepted_plans, 0)::bigint as accepted_plans,
  p.accepted_plans::double precision / nullif(p.plans, 0) as acceptance_rate,
  {{ wilson_bound('p.accepted_plans', 'p.plans', 'low') }} as acceptance_rate_low,
  {{ wilson_bound('p.accepted_plans', 'p.plans', 'high') }} as acceptance_rate_high,
  p.accepted_plan_edits::double precision / nullif(p.accepted_plans, 0) as avg_edits,
  p.swaps::double precision / nullif(p.plans, 0) as avg_swaps,
  p.intervened_plans::double precision / nullif(p.plans, 0) as validator_rate,
  p.constraint_respect_score,
  l.tokens_per_plan::double precision as tokens_per_plan,
  l.plan_generated_p50::numeric(12,3) as plan_latency_p50_ms,
  l.plan_generated_p95::numeric(12,3) as plan_latency_p95_ms,
  l.plan_generated_p99::numeric(12,3) as plan_latency_p99_ms,
  l.message_sent_p50::numeric(12,3) as message_latency_p50_ms,
  l.message_sent_p95::numeric(12,3) as message_latency_p95_ms,
  l.message_sent_p99::numeric(12,3) as message_latency_p99_ms,
  l.cost_usd::numeric(18,6) as cost_usd
from {{ ref('exp_experiment_variants') }} v
left join sessions s on s.variant_id = v.variant_id
left join plans p on p.variant_id = v.variant_id
left join latencies l on l.variant_id = v.variant_id
