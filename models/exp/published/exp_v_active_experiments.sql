{{ config(materialized='table') }}
-- Experiments that run, with their arms and units.
select
  e.experiment_id,
  e.experiment_name,
  e.status,
  e.unit_type,
  e.start_at,
  e.end_at,
  (select count(*) from {{ ref('stg_exp__variants') }} v where v.experiment_id = e.experiment_id) as variant_count,
  (
    select coalesce(sum(v.allocation), 0)::double precision from {{ ref('stg_exp__variants') }} v
    where v.experiment_id = e.experiment_id
  ) as total_allocation,
  (
    select count(distinct (a.unit_type, a.unit_id)) from {{ ref('stg_exp__assignments') }} a
    where a.experiment_id = e.experiment_id
  ) as assigned_units
from {{ ref('stg_exp__experiments') }} e
where e.status = 'active'
