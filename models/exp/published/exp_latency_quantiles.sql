{{
  config(
    materialized=session_materialization(),
    unique_key='event_date',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['event_date']}, {'columns': ['experiment_id', 'variant_id', 'event_date'], 'unique': true}]
  )
}}
-- Latency of requests, for box plots. Quantiles cannot be rolled up. What is not observed (copies, and what happened before
-- the assignment) keeps its row with nothing in it, so that a date never disappears.
{% if is_incremental() -%}
with

touched as (
  {{ event_dates_touched(this) }}
)
{%- endif %}

select
  x.experiment_id,
  x.variant_id,
  x.event_date,
  {{ box_plot("(case when x.verdict = 'accepted' and not x.is_pre_exposure then b.latency_ms end)::double precision", 'numeric(12,3)') }},
  max(x._ingested_at) as source_ingested_at,
  max(x.assignment_ingested_at) as assignment_ingested_at
from {{ ref('base_exp__events') }} b
join {{ ref('base_exp__event_experiments') }} x on x.event_id = b.event_id
where b.event_type in ('plan_generated', 'message_sent') and b.latency_ms is not null and b.quarantine_reason is null
{% if is_incremental() -%}
  and b.event_date = any (array(select t.event_date from touched t))
  and x.event_date = any (array(select t.event_date from touched t))
{%- endif %}
group by 1, 2, 3
