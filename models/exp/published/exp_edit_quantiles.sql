{{
  config(
    materialized=session_materialization(),
    unique_key='plan_date',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['plan_date']}, {'columns': ['experiment_id', 'variant_id', 'plan_date'], 'unique': true}]
  )
}}
-- Edits of accepted plans, for box plots. Quantiles cannot be rolled up. An arm that generated plans on a date and had none
-- accepted keeps its row with nothing in it, so that a date never disappears.
{% if is_incremental() -%}
with

touched as (
  {{ plan_dates_touched(this) }}
)
{%- endif %}

select
  x.experiment_id,
  x.variant_id,
  x.event_date as plan_date,
  {{ box_plot('p.edits::double precision', 'double precision') }},
  max(greatest(x._ingested_at, p.source_ingested_at)) as source_ingested_at,
  max(x.assignment_ingested_at) as assignment_ingested_at
from {{ ref('base_exp__events') }} b
join {{ ref('base_exp__event_experiments') }} x on x.event_id = b.event_id
left join {{ ref('exp_plans') }} p
  on p.plan_id = b.plan_id and p.generated_event_id = b.event_id and p.is_accepted and not x.is_pre_exposure
where b.event_type = 'plan_generated' and b.plan_id is not null and b.quarantine_reason is null
{% if is_incremental() -%}
  and b.event_date = any (array(select t.event_date from touched t))
  and x.event_date = any (array(select t.event_date from touched t))
{%- endif %}
group by 1, 2, 3
