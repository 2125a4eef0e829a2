{{ config(materialized='table', indexes=[{'columns': ['plan_id'], 'unique': true}, {'columns': ['plan_date']}]) }}
{#
  Plans by the day they were generated. A plan that was accepted later, or twice, is accepted once. What happens to a plan
  that nobody generated belongs to no plan.
#}
select
  e.plan_id,
  min(e.event_at) filter (where e.event_type = 'plan_generated') as generated_at,
  {{ reporting_date("min(e.event_at) filter (where e.event_type = 'plan_generated')") }} as plan_date,
  (array_agg({{ pseudonym('e.unit_id') }} order by e.event_at, e.event_id) filter (where e.event_type = 'plan_generated'))[1]
    as user_key,
  (array_agg(e.policy_version_id order by e.event_at, e.event_id) filter (where e.event_type = 'plan_generated'))[1]
    as policy_version_id,
  (array_agg(e.latency_ms order by e.event_at, e.event_id) filter (where e.event_type = 'plan_generated'))[1]::numeric(12,3)
    as latency_ms,
  (array_agg(e.token_count order by e.event_at, e.event_id) filter (where e.event_type = 'plan_generated'))[1] as token_count,
  (array_agg(e.cost_usd order by e.event_at, e.event_id) filter (where e.event_type = 'plan_generated'))[1]::numeric(18,6)
    as cost_usd,
  min(e.constraint_respect_score)::double precision as constraint_respect_score,
  bool_or(e.event_type = 'plan_accepted') as is_accepted,
  bool_or(e.event_type = 'plan_rejected') as is_rejected,
  count(*) filter (where e.event_type = 'edit_applied') as edits,
  count(*) filter (where e.event_type = 'meal_swapped') as swaps,
  count(*) filter (where e.event_type = 'validator_intervention') as interventions
from {{ ref('stg_exp__events') }} e
where e.plan_id is not null
group by e.plan_id
having bool_or(e.event_type = 'plan_generated')
