select
  id as assignment_id,
  experiment_id,
  variant_id,
  lower(unit_type)::text as unit_type,
  unit_id::text as unit_id,
  assigned_at,
  created_at
from {{ source('exp', 'assignments') }}
