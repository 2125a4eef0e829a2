select
  r.id as replay_id,
  r.policy_version_id,
  r.dataset_version::text as dataset_version,
  r.mlflow_run_id::text as mlflow_run_id,
  r.plan_alignment_score,
  r.constraint_respect_score,
  -- 1 - edits / meals: higher is better.
  r.edit_distance_score,
  r.diversity_score,
  r.leftovers_score,
  r.baseline_version_id,
  r.is_better_than_baseline,
  lower(r.status)::text as status,
  r.error_message is not null as has_error_message,
  r.created_at,
  -- Of the completed replays of a version the newest; ties by id.
  lower(r.status) = 'completed' and row_number() over (
    partition by r.policy_version_id, lower(r.status) order by r.created_at desc, r.id desc
  ) = 1 as is_newest_completed
from {{ source('exp', 'offline_replay_results') }} r
