{{ config(materialized='table', indexes=[{'columns': ['experiment_id', 'variant_id', 'event_date']}]) }}
-- Latency of requests, for box plots. Quantiles cannot be rolled up.
select
  x.experiment_id,
  x.variant_id,
  r.event_date,
  {{ box_plot('r.latency_ms::double precision', 'numeric(12,3)') }}
from {{ ref('int_exp__requests') }} r
join {{ ref('stg_exp__event_experiments') }} x on x.event_id = r.event_id
where r.latency_ms is not null and not x.is_pre_exposure
group by 1, 2, 3
