-- One row per accepted event and experiment. Valid per experiment; never added up across experiments.
select
  event_id,
  experiment_id,
  ordinal,
  event_type,
  session_id,
  unit_type,
  unit_id,
  event_at,
  event_date,
  variant_id,
  embedded_variant_id,
  assigned_variant_id,
  variant_mismatch,
  is_pre_exposure,
  _ingested_at,
  assignment_ingested_at
from {{ ref('base_exp__event_experiments') }}
where verdict = 'accepted'
