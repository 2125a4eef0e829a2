{{ config(materialized='table', indexes=[{'columns': ['policy_version_id', 'replay_date'], 'unique': true}]) }}
-- Scores of policy versions by the day of their replay; of several on a day the last one counts.
with

replays as (
  select
    r.*,
    {{ reporting_date('r.created_at') }} as replay_date,
    row_number() over (
      partition by r.policy_version_id, {{ reporting_date('r.created_at') }} order by r.created_at desc, r.replay_id desc
    ) as nth_of_day
  from {{ ref('stg_exp__offline_replay_results') }} r
  where r.status = 'completed'
)

select
  r.policy_version_id,
  r.replay_date,
  v.policy_name,
  v.version,
  v.status,
  -- 1: the newest version of its policy.
  dense_rank() over (partition by v.policy_id order by v.version desc) as version_rank,
  r.dataset_version,
  r.plan_alignment_score,
  r.constraint_respect_score,
  r.edit_distance_score,
  r.diversity_score,
  r.leftovers_score,
  r.is_newest_completed as is_newest_replay,
  coalesce(r.constraint_respect_score < 1, false) as breaks_constraints,
  r.is_newest_completed and v.status = 'active' and coalesce(r.constraint_respect_score < 1, false)
    as is_constraint_violation
from replays r
join {{ ref('stg_exp__policy_versions') }} v on v.policy_version_id = r.policy_version_id
where r.nth_of_day = 1
