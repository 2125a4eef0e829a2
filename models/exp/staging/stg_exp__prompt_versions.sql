select
  v.id as prompt_version_id,
  v.prompt_id,
  p.name::text as prompt_name,
  v.version::bigint as version,
  v.file_path::text as file_path,
  v.model_provider::text as model_provider,
  v.model_name::text as model_name,
  lower(v.status)::text as status,
  v.created_at
from {{ source('exp', 'prompt_versions') }} v
join {{ source('exp', 'prompts') }} p on p.id = v.prompt_id
