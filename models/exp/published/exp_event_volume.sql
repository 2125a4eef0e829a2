{{ config(materialized='table', indexes=[{'columns': ['event_hour']}]) }}
{#
  All raw rows by hour of arrival and type, those out of all metrics included; hours without any are there with zero, so that
  silence can be seen.
#}
with

counted as (
  select
    date_trunc('hour', b.created_at at time zone 'UTC') at time zone 'UTC' as event_hour,
    b.event_type,
    count(*) as events,
    count(*) filter (where b.verdict = 'duplicate') as duplicate_events,
    count(*) filter (where b.verdict = 'quarantined') as quarantined_events
  from {{ ref('base_exp__events') }} b
  group by 1, 2
),

hours as (
  select generate_series(min(c.event_hour), max(c.event_hour), interval '1 hour') as event_hour from counted c
),

types as (
  select distinct c.event_type from counted c
)

select
  h.event_hour,
  t.event_type,
  coalesce(c.events, 0) as events,
  coalesce(c.duplicate_events, 0) as duplicate_events,
  coalesce(c.quarantined_events, 0) as quarantined_events
from hours h
cross join types t
left join counted c on c.event_hour = h.event_hour and c.event_type = t.event_type
