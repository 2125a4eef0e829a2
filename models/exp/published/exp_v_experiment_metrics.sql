{{ config(materialized='table', indexes=[{'columns': ['experiment_name', 'metric_name', 'bucket_start']}]) }}
-- Metric aggregates with the names of their experiment and arm.
select
  a.experiment_id,
  a.variant_id,
  v.experiment_name,
  v.experiment_status,
  v.variant_name,
  a.metric_name,
  a.bucket_type,
  a.bucket_start,
  a.count,
  a.mean,
  a.min,
  a.max,
  a.stddev
from {{ ref('exp_metric_aggregates') }} a
join {{ ref('exp_experiment_variants') }} v on v.variant_id = a.variant_id and v.experiment_id = a.experiment_id
