{{ config(materialized='table', indexes=[{'columns': ['plan_id', 'experiment_id'], 'unique': true}, {'columns': ['experiment_id', 'variant_id']}]) }}
-- Arms of plans, by the event that generated them. Valid per experiment; never added up across experiments.
select
  p.plan_id,
  x.experiment_id,
  x.variant_id,
  p.user_key,
  p.unit_type,
  p.plan_date,
  x.embedded_variant_id,
  x.assigned_variant_id,
  case when x.assigned_variant_id is not null then 'assignment' else 'event' end as variant_source,
  x.variant_mismatch,
  coalesce(u.is_crossover, false) as is_crossover,
  x.is_pre_exposure
from {{ ref('exp_plans') }} p
join {{ ref('stg_exp__event_experiments') }} x on x.event_id = p.generated_event_id
left join {{ ref('exp_unit_outcomes') }} u
  on u.experiment_id = x.experiment_id and u.unit_type = p.unit_type and u.user_key = p.user_key
