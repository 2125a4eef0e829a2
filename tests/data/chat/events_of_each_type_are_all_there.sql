-- Per type: events of the sequence are the distinct events that were read and not rejected.
select coalesce(r.event, e.event) as event, r.events as read_events, e.events
from (
  select event, count(distinct _record_hash) as events
  from {{ ref('base_rasa__events') }} where quarantine_reason is null group by event
) r
full join (select event, count(*) as events from {{ ref('rasa_event_sequence') }} group by event) e on e.event = r.event
where r.events is distinct from e.events
union all
select 'slot', count(*), (select count(*) from {{ ref('rasa_slots') }})
from {{ ref('rasa_event_sequence') }} where event = 'slot'
having count(*) <> (select count(*) from {{ ref('rasa_slots') }})
union all
select 'user', count(*), (select count(*) from {{ ref('rasa_user_messages') }})
from {{ ref('rasa_event_sequence') }} where event = 'user'
having count(*) <> (select count(*) from {{ ref('rasa_user_messages') }})
union all
select 'bot', count(*), (select count(*) from {{ ref('rasa_bot_actions') }})
from {{ ref('rasa_event_sequence') }} where event = 'bot'
having count(*) <> (select count(*) from {{ ref('rasa_bot_actions') }})
union all
select 'action', count(*), (select count(*) from {{ ref('rasa_actions') }})
from {{ ref('rasa_event_sequence') }} where event = 'action'
having count(*) <> (select count(*) from {{ ref('rasa_actions') }})
