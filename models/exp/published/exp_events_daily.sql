{{ config(materialized='table', indexes=[{'columns': ['event_date', 'experiment_id'], 'unique': true}]) }}
-- Events of each experiment by day, with zeros from its first event to as_of. Never added up across experiments.
with

counted as (
  select d.experiment_id, d.event_date, d.events, d.units
  from {{ ref('int_exp__experiment_days') }} d
  where d.experiment_id is not null
),

-- An experiment that runs and has no event at all has zeros from its planned begin.
spans as (
  select
    e.experiment_id,
    e.experiment_name,
    e.status,
    coalesce(c.first_date, {{ reporting_date('e.start_at') }}) as first_date,
    greatest(c.last_date, {{ reporting_date(as_of()) }}) as last_date
  from {{ ref('stg_exp__experiments') }} e
  left join (
    select experiment_id, min(event_date) as first_date, max(event_date) as last_date from counted group by experiment_id
  ) c on c.experiment_id = e.experiment_id
  where c.first_date is not null or e.status = 'active'
)

select
  d.day::date as event_date,
  s.experiment_id,
  s.experiment_name,
  s.status as experiment_status,
  coalesce(c.events, 0)::bigint as events,
  coalesce(c.units, 0)::bigint as units
from spans s
cross join lateral generate_series(s.first_date::timestamp, s.last_date::timestamp, interval '1 day') as d(day)
left join counted c on c.experiment_id = s.experiment_id and c.event_date = d.day::date
