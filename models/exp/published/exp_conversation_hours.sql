{{ config(materialized='table') }}
-- Conversation events by type and hour of the day in the reporting time zone.
select
  e.event_type,
  extract(hour from e.event_at at time zone '{{ var("reporting_timezone", "UTC") }}')::bigint as hour_of_day,
  count(*) as events
from {{ ref('exp_conversation_events') }} e
group by 1, 2
