{{
  config(
    materialized=session_materialization(),
    unique_key='event_date',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['event_date', 'slice']}, {'columns': ['experiment_id', 'variant_id']}]
  )
}}
-- Percentiles of latency by day. Percentiles cannot be rolled up, so every slice and request type is computed from events.
-- depends_on: {{ ref('base_exp__event_experiments') }}
with

{% if is_incremental() -%}
touched as (
  {{ event_dates_touched(this) }}
),
{%- endif %}

-- Copies are not counted. They are here so that a date never disappears.
copies as (
  select b.event_id, b.event_date, b.event_type as request_type, b.latency_ms::double precision as latency_ms,
         b.verdict = 'accepted' as is_accepted, b._ingested_at
  from {{ ref('base_exp__events') }} b
  where b.event_type in ('plan_generated', 'message_sent') and b.latency_ms is not null and b.quarantine_reason is null
  {% if is_incremental() -%}
    and b.event_date = any (array(select t.event_date from touched t))
  {%- endif %}
),

requests as (
  select
    'total'::text as slice, null::uuid as experiment_id, null::uuid as variant_id, c.event_date, c.request_type,
    case when c.is_accepted then c.latency_ms end as latency_ms,
    c._ingested_at as source_ingested_at, null::timestamptz as assignment_ingested_at
  from copies c
  union all
  select
    'experiment', x.experiment_id, x.variant_id, c.event_date, c.request_type,
    case when c.is_accepted and not x.is_pre_exposure then c.latency_ms end,
    c._ingested_at, x.assignment_ingested_at
  from copies c
  join {{ ref('base_exp__event_experiments') }} x on x.event_id = c.event_id
  {% if is_incremental() -%}
  where x.event_date = any (array(select t.event_date from touched t))
  {%- endif %}
)

select
  r.event_date,
  r.slice,
  coalesce(r.request_type, 'all') as request_type,
  r.experiment_id,
  r.variant_id,
  count(r.latency_ms) as requests,
  (percentile_cont(0.5) within group (order by r.latency_ms))::numeric(12,3) as latency_p50_ms,
  (percentile_cont(0.95) within group (order by r.latency_ms))::numeric(12,3) as latency_p95_ms,
  (percentile_cont(0.99) within group (order by r.latency_ms))::numeric(12,3) as latency_p99_ms,
  max(r.source_ingested_at) as source_ingested_at,
  max(r.assignment_ingested_at) as assignment_ingested_at
from requests r
group by grouping sets (
  (r.event_date, r.slice, r.experiment_id, r.variant_id),
  (r.event_date, r.slice, r.experiment_id, r.variant_id, r.request_type)
)
having r.slice = 'total' or count(r.latency_ms) > 0
