{{ config(materialized='table', indexes=[{'columns': ['policy_version_id'], 'unique': true}]) }}
{#
  Policy versions: what the newest completed replay promised and what became of the plans made with them. The two are on
  different scales, so their ranks are compared as well.
#}
with

online as (
  select
    p.policy_version_id,
    count(*) as plans,
    count(*) filter (where p.is_accepted) as accepted_plans,
    count(distinct p.plan_date) as plan_days,
    count(p.constraint_respect_score) as scored_plans,
    count(*) filter (where p.constraint_respect_score < 1) as violating_plans
  from {{ ref('exp_plans') }} p
  where p.policy_version_id is not null
  group by 1
),

compared as (
  select
    v.policy_version_id,
    v.policy_name,
    v.version,
    v.status,
    r.replay_id is not null as has_replay,
    r.plan_alignment_score::double precision as offline_score,
    o.accepted_plans::double precision / nullif(o.plans, 0) as online_acceptance_rate,
    coalesce(o.plans, 0)::bigint as plans,
    coalesce(o.plan_days, 0)::bigint as plan_days,
    coalesce(o.violating_plans, 0)::bigint as violating_plans,
    coalesce(o.plans, 0) >= {{ var('correlation_min_plans', 100) }} and r.plan_alignment_score is not null as is_comparable,
    -- A version that names no baseline is one itself.
    coalesce(
      r.constraint_respect_score = 1
      and r.plan_alignment_score >= coalesce(b.plan_alignment_score, r.plan_alignment_score)
      and r.edit_distance_score >= coalesce(b.edit_distance_score, r.edit_distance_score)
      and r.diversity_score >= 0.95 * coalesce(b.diversity_score, r.diversity_score)
      and r.leftovers_score >= 0.95 * coalesce(b.leftovers_score, r.leftovers_score)
      and (r.baseline_version_id is null or b.replay_id is not null),
      false
    ) as passes_offline_gate
  from {{ ref('stg_exp__policy_versions') }} v
  left join {{ ref('stg_exp__offline_replay_results') }} r
    on r.policy_version_id = v.policy_version_id and r.is_newest_completed
  left join {{ ref('stg_exp__offline_replay_results') }} b
    on b.policy_version_id = r.baseline_version_id and b.is_newest_completed
  left join online o on o.policy_version_id = v.policy_version_id::text
),

ranked as (
  select
    c.*,
    case when c.is_comparable then
      rank() over (partition by c.is_comparable order by c.offline_score)
      + (count(*) over (partition by c.is_comparable, c.offline_score) - 1) / 2.0::double precision
    end as offline_rank,
    case when c.is_comparable then
      rank() over (partition by c.is_comparable order by c.online_acceptance_rate)
      + (count(*) over (partition by c.is_comparable, c.online_acceptance_rate) - 1) / 2.0::double precision
    end as online_rank
  from compared c
)

select
  r.policy_version_id,
  r.policy_name,
  r.version,
  r.status,
  r.offline_score,
  r.online_acceptance_rate,
  r.plans,
  r.plan_days,
  r.offline_score - r.online_acceptance_rate as delta,
  r.is_comparable,
  corr(r.offline_rank, r.online_rank) over () as rank_correlation,
  count(*) filter (where r.is_comparable) over () as comparable_versions,
  r.violating_plans,
  r.passes_offline_gate,
  r.plans >= {{ var('promotion_min_plans', 1000) }} and r.plan_days >= {{ var('promotion_min_days', 3) }}
    as has_enough_online,
  {{ wilson_bound('r.online_acceptance_rate * r.plans', 'r.plans', 'low') }} as online_acceptance_low,
  {{ wilson_bound('r.online_acceptance_rate * r.plans', 'r.plans', 'high') }} as online_acceptance_high
from ranked r
