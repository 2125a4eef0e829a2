{{ config(materialized='table', indexes=[{'columns': ['date', 'metric_name']}, {'columns': ['experiment_id', 'variant_id']}]) }}
-- Metrics of an arm by day. Over several days a mean is sum(sum) / sum(count).
select
  (a.bucket_start at time zone '{{ var("reporting_timezone", "UTC") }}')::date as date,
  a.experiment_id,
  a.variant_id,
  v.experiment_name,
  v.variant_name,
  a.metric_name,
  a.mean::double precision as mean,
  a.count,
  a.sum
from {{ ref('exp_metric_aggregates') }} a
join {{ ref('exp_experiment_variants') }} v on v.variant_id = a.variant_id and v.experiment_id = a.experiment_id
where a.bucket_type = 'daily'
