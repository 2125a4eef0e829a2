{{ config(materialized='table', indexes=[{'columns': ['event_date', 'slice']}, {'columns': ['experiment_id', 'variant_id']}]) }}
-- Percentiles of latency by day. Percentiles cannot be rolled up, so every slice and request type is computed from events.
with

requests as (
  select
    'total'::text as slice, null::uuid as experiment_id, null::uuid as variant_id,
    r.event_date, r.request_type, r.latency_ms::double precision as latency_ms
  from {{ ref('int_exp__requests') }} r
  where r.latency_ms is not null
  union all
  select 'experiment', x.experiment_id, x.variant_id, r.event_date, r.request_type, r.latency_ms::double precision
  from {{ ref('int_exp__requests') }} r
  join {{ ref('stg_exp__event_experiments') }} x on x.event_id = r.event_id
  where r.latency_ms is not null and not x.is_pre_exposure
)

select
  r.event_date,
  r.slice,
  coalesce(r.request_type, 'all') as request_type,
  r.experiment_id,
  r.variant_id,
  count(*) as requests,
  (percentile_cont(0.5) within group (order by r.latency_ms))::numeric(12,3) as latency_p50_ms,
  (percentile_cont(0.95) within group (order by r.latency_ms))::numeric(12,3) as latency_p95_ms,
  (percentile_cont(0.99) within group (order by r.latency_ms))::numeric(12,3) as latency_p99_ms
from requests r
group by grouping sets (
  (r.event_date, r.slice, r.experiment_id, r.variant_id),
  (r.event_date, r.slice, r.experiment_id, r.variant_id, r.request_type)
)
