{{
  config(
    materialized=session_materialization(),
    unique_key='plan_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['plan_id'], 'unique': true},
      {'columns': ['plan_date']},
      {'columns': ['user_key']},
      {'columns': ['policy_version_id']},
      {'columns': ['source_ingested_at']},
    ]
  )
}}
{#
  Plans by the day they were generated. A plan that was accepted later, or twice, is accepted once. What happens to a plan
  that nobody generated belongs to no plan.
#}
-- depends_on: {{ ref('base_exp__events') }}
with

events as (
  select e.*, row_number() over (partition by e.plan_id, e.event_type order by e.event_at, e.event_id) as nth
  from {{ ref('stg_exp__events') }} e
  where e.plan_id is not null
  {% if is_incremental() -%}
    and e.plan_id in ({{ plans_known_since(ingested_since(this)) }})
  {%- endif %}
),

outcomes as (
  select
    e.plan_id,
    min(e.constraint_respect_score)::double precision as constraint_respect_score,
    min(e.event_at) filter (where e.event_type = 'plan_accepted') as accepted_at,
    min(e.event_at) filter (where e.event_type = 'plan_rejected') as rejected_at,
    min(e.rejection_reason) filter (where e.event_type = 'plan_rejected' and e.nth = 1) as rejection_reason,
    count(*) filter (where e.event_type = 'edit_applied') as edits,
    count(*) filter (where e.event_type = 'meal_swapped') as swaps,
    count(*) filter (where e.event_type = 'validator_intervention') as interventions,
    max(e._ingested_at) as source_ingested_at
  from events e
  group by e.plan_id
)

select
  g.plan_id,
  g.event_id as generated_event_id,
  g.event_at as generated_at,
  {{ reporting_date('g.event_at') }} as plan_date,
  {{ pseudonym('g.unit_id') }} as user_key,
  g.unit_type,
  g.policy_version_id,
  g.model_provider,
  g.model_name,
  g.meal_count,
  g.latency_ms::numeric(12,3) as latency_ms,
  g.token_count,
  g.cost_usd::numeric(18,6) as cost_usd,
  o.constraint_respect_score,
  o.accepted_at is not null as is_accepted,
  o.rejected_at is not null as is_rejected,
  o.accepted_at,
  o.rejected_at,
  o.rejection_reason,
  o.edits,
  o.swaps,
  o.interventions,
  o.source_ingested_at
from events g
join outcomes o on o.plan_id = g.plan_id
where g.event_type = 'plan_generated' and g.nth = 1
