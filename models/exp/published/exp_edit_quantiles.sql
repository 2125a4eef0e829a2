{{ config(materialized='table', indexes=[{'columns': ['experiment_id', 'variant_id', 'plan_date']}]) }}
-- Edits of accepted plans, for box plots. Quantiles cannot be rolled up.
select
  x.experiment_id,
  x.variant_id,
  p.plan_date,
  {{ box_plot('p.edits::double precision', 'double precision') }}
from {{ ref('exp_plans') }} p
join {{ ref('exp_plan_experiments') }} x on x.plan_id = p.plan_id
where p.is_accepted and not x.is_pre_exposure
group by 1, 2, 3
