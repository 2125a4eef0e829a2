{{ config(materialized='table', indexes=[{'columns': ['variant_id'], 'unique': true}, {'columns': ['experiment_id']}]) }}
select
  v.variant_id,
  v.experiment_id,
  e.experiment_name,
  e.status as experiment_status,
  e.unit_type,
  e.start_at,
  e.end_at,
  v.variant_name,
  v.is_baseline,
  v.allocation,
  v.execution_strategy,
  v.policy_version_id,
  v.prompt_version_id,
  coalesce(a.assigned_units, 0)::bigint as assigned_units
from {{ ref('stg_exp__variants') }} v
join {{ ref('stg_exp__experiments') }} e on e.experiment_id = v.experiment_id
left join (
  select variant_id, count(distinct (unit_type, unit_id)) as assigned_units
  from {{ ref('stg_exp__assignments') }}
  group by variant_id
) a on a.variant_id = v.variant_id
