{#
  What each alert saw at as_of and at each full hour of distance before it: value, samples, and whether that is a breach.
  The past is computed again from the data, so no state is kept and a build can be repeated.
#}
{%- set evaluations = var('alert_evaluations', 24) -%}
with

instants as (
  select k as hours_ago, {{ as_of() }} - k * interval '1 hour' as at
  from generate_series(0, {{ evaluations }} - 1) as k
),

active_variants as (
  select v.experiment_id, v.experiment_name, v.variant_id, v.variant_name, v.is_baseline, v.start_at
  from {{ ref('exp_experiment_variants') }} v
  where v.experiment_status = 'active'
),

-- The hour that ends at 10:00 is looked at from 10:00 to 12:00, so a job at 10:05 sees it.
scores as (
  select
    coalesce(p.policy_version_id, '(none)') as policy_version_id,
    date_trunc('hour', p.generated_at, 'UTC') + interval '1 hour' as bucket_end,
    avg(p.constraint_respect_score) as mean_score,
    count(*) as plans
  from {{ ref('exp_plans') }} p
  where p.constraint_respect_score is not null
    and p.generated_at >= {{ as_of() }} - ({{ evaluations }} + 4) * interval '1 hour'
  group by 1, 2
),

-- Active versions, scored or not; and whatever else plans were made with, be it retired, unknown or unnamed.
scored_versions as (
  select v.policy_version_id::text as policy_version_id, v.policy_name || ' ' || v.version as subject_name
  from {{ ref('stg_exp__policy_versions') }} v
  where v.status = 'active'
  union
  select s.policy_version_id, coalesce(v.policy_name || ' ' || v.version, s.policy_version_id)
  from scores s
  left join {{ ref('stg_exp__policy_versions') }} v on v.policy_version_id::text = s.policy_version_id
),

latencies as (
  select
    x.variant_id,
    date_trunc('hour', r.event_at, 'UTC') + interval '1 hour' as bucket_end,
    percentile_cont(0.99) within group (order by r.latency_ms::double precision) as p99,
    count(*) as requests
  from {{ ref('int_exp__requests') }} r
  join {{ ref('stg_exp__event_experiments') }} x on x.event_id = r.event_id
  where r.latency_ms is not null and not x.is_pre_exposure
    and r.event_at >= {{ as_of() }} - ({{ evaluations }} + 2) * interval '1 hour'
    and r.event_date >= {{ reporting_date(as_of() ~ " - (" ~ evaluations ~ " + 2) * interval '1 hour'") }}
  group by 1, 2
),

acceptance_hours as (
  select
    x.variant_id,
    date_trunc('hour', p.generated_at, 'UTC') as bucket_start,
    count(*) as plans,
    count(*) filter (where p.is_accepted) as accepted
  from {{ ref('exp_plans') }} p
  join {{ ref('exp_plan_experiments') }} x on x.plan_id = p.plan_id
  where not x.is_pre_exposure
    and p.generated_at >= {{ as_of() }} - interval '7 days' - ({{ evaluations }} + 2) * interval '1 hour'
  group by 1, 2
),

acceptance as (
  select i.hours_ago, v.experiment_id, v.variant_id, v.is_baseline, sum(a.plans) as plans,
         sum(a.accepted)::double precision / nullif(sum(a.plans), 0) as rate
  from instants i
  cross join active_variants v
  left join acceptance_hours a
    on a.variant_id = v.variant_id and a.bucket_start >= i.at - interval '7 days'
   and a.bucket_start < date_trunc('hour', i.at, 'UTC')
  group by 1, 2, 3, 4
),

seen as (
  select
    i.hours_ago,
    'constraint_violation'::text as alert,
    'policy_version:' || v.policy_version_id as subject,
    v.subject_name,
    min(s.mean_score)::double precision as value,
    coalesce(sum(s.plans), 0) as samples
  from instants i
  cross join scored_versions v
  left join scores s
    on s.policy_version_id = v.policy_version_id and s.bucket_end > i.at - interval '2 hours' and s.bucket_end <= i.at
  group by 1, 2, 3, 4
  union all
  select
    i.hours_ago, 'constraint_violation_offline', 'policy_version:' || v.policy_version_id, v.policy_name || ' ' || v.version,
    r.constraint_respect_score::double precision, (r.replay_id is not null)::int
  from instants i
  cross join {{ ref('stg_exp__policy_versions') }} v
  left join lateral (
    select o.replay_id, o.constraint_respect_score
    from {{ ref('stg_exp__offline_replay_results') }} o
    where o.policy_version_id = v.policy_version_id and o.status = 'completed' and o.created_at <= i.at
    order by o.created_at desc, o.replay_id desc
    limit 1
  ) r on true
  where v.status = 'active'
  union all
  select
    i.hours_ago, 'high_latency', 'variant:' || v.variant_id, v.experiment_name || ' ' || v.variant_name, l.p99,
    coalesce(l.requests, 0)
  from instants i
  cross join active_variants v
  left join latencies l on l.variant_id = v.variant_id and l.bucket_end = date_trunc('hour', i.at, 'UTC')
  union all
  select
    t.hours_ago, a.alert, 'variant:' || v.variant_id, v.experiment_name || ' ' || v.variant_name,
    t.rate / nullif(c.rate, 0), least(coalesce(t.plans, 0), coalesce(c.plans, 0))
  from acceptance t
  join acceptance c on c.hours_ago = t.hours_ago and c.experiment_id = t.experiment_id and c.is_baseline
  join active_variants v on v.variant_id = t.variant_id
  cross join (values ('low_acceptance'), ('low_acceptance_warning')) as a(alert)
  where not t.is_baseline
  union all
  select
    i.hours_ago, 'no_events', 'source:exp.events', 'exp.events',
    (
      select count(*) from {{ ref('base_exp__events') }} b
      where b.created_at >= i.at - interval '1 hour' and b.created_at < i.at
    ), 1
  from instants i
  union all
  select
    i.hours_ago, 'no_events_experiment', 'experiment:' || e.experiment_id, e.experiment_name,
    count(x.event_id), 1
  from instants i
  cross join {{ ref('stg_exp__experiments') }} e
  left join {{ ref('stg_exp__event_experiments') }} x
    on x.experiment_id = e.experiment_id and x.event_at >= i.at - interval '1 hour' and x.event_at < i.at
   and x.event_at >= {{ as_of() }} - {{ evaluations }} * interval '1 hour'
  where e.status = 'active' and coalesce(e.start_at <= i.at - interval '1 hour', true)
  group by 1, 2, 3, 4
)

select
  s.hours_ago,
  s.alert,
  s.subject,
  s.subject_name,
  s.value::double precision as value,
  s.samples::bigint as samples,
  t.severity,
  t.owner,
  t.comparison,
  t.threshold,
  t.min_samples,
  t.clears_after,
  coalesce(
    s.samples >= t.min_samples
    and case t.comparison when 'below' then s.value < t.threshold when 'above' then s.value > t.threshold end, false
  ) as is_breached
from seen s
join {{ ref('exp_alert_thresholds') }} t on t.alert = s.alert
