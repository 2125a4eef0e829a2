{{ config(materialized='table', indexes=[{'columns': ['alert', 'subject'], 'unique': true}]) }}
{#
  Alerts as they stand at as_of. One breach fires; as many evaluations without one as `clears_after` clear. An evaluation is
  made at as_of and at every hour before it.
#}
with

evaluations as (
  select e.* from {{ ref('int_exp__alert_evaluations') }} e
),

-- A breach that follows another within clears_after belongs to the same firing.
breaches as (
  select
    e.alert, e.subject, e.hours_ago,
    coalesce(
      lag(e.hours_ago) over (partition by e.alert, e.subject order by e.hours_ago desc) - e.hours_ago > e.clears_after, true
    ) as begins
  from evaluations e
  where e.is_breached
),

firings as (
  select b.alert, b.subject, min(b.hours_ago) as last_breach, min(b.hours_ago) filter (where b.begins) as first_breach
  from breaches b
  group by 1, 2
)

select
  e.alert,
  e.subject,
  e.subject_name,
  e.severity,
  e.owner,
  e.value,
  e.comparison,
  e.threshold,
  e.samples,
  e.min_samples,
  e.is_breached,
  coalesce(f.last_breach < e.clears_after, false) as is_firing,
  case when f.last_breach < e.clears_after then {{ as_of() }} - f.first_breach * interval '1 hour' end as firing_since,
  {{ as_of() }} as evaluated_at
from evaluations e
left join firings f on f.alert = e.alert and f.subject = e.subject
where e.hours_ago = 0
