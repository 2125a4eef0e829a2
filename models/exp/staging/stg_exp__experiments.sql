select
  id as experiment_id,
  name::text as experiment_name,
  lower(status)::text as status,
  lower(unit_type)::text as unit_type,
  start_at,
  end_at,
  created_at
from {{ source('exp', 'experiments') }}
