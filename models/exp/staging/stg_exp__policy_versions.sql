select
  v.id as policy_version_id,
  v.policy_id,
  p.name::text as policy_name,
  v.version::bigint as version,
  v.mlflow_model_name::text as model_name,
  v.mlflow_model_version::text as model_version,
  lower(v.status)::text as status,
  v.created_at
from {{ source('exp', 'policy_versions') }} v
join {{ source('exp', 'policies') }} p on p.id = v.policy_id
