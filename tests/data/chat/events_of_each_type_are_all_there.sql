-- Per type: the events of the senders that this run wrote are the distinct events that were read of them and not rejected. All senders
-- together: the tables of types have as many rows as the sequence has events of the type.
with read_of_senders as (
  select b.event, count(distinct b._record_hash) as events
  from {{ ref('stg_rasa__sender_ids') }} s
  join {{ ref('base_rasa__events') }} b on b.sender_id = s.sender_id and b.quarantine_reason is null
  where s.in_scope
  group by b.event
),

written_of_senders as (
  select e.event, count(*) as events
  from {{ ref('stg_rasa__sender_ids') }} s
  join {{ ref('rasa_event_sequence') }} e on e.sender_key = s.sender_key
  where s.in_scope
  group by e.event
),

of_types as (
  select e.event, count(*) as events
  from {{ ref('rasa_event_sequence') }} e
  where e.event in ('slot', 'user', 'bot', 'action')
  group by e.event
),

in_tables as (
  select 'slot' as event, count(*) as events from {{ ref('rasa_slots') }}
  union all
  select 'user', count(*) from {{ ref('rasa_user_messages') }}
  union all
  select 'bot', count(*) from {{ ref('rasa_bot_actions') }}
  union all
  select 'action', count(*) from {{ ref('rasa_actions') }}
)

select 'read' as place, coalesce(r.event, w.event) as event, coalesce(r.events, 0) as expected_events, coalesce(w.events, 0) as events
from read_of_senders r
full join written_of_senders w on w.event = r.event
where r.events is distinct from w.events
union all
select 'table of the type', t.event, coalesce(o.events, 0), t.events
from in_tables t
left join of_types o on o.event = t.event
where t.events <> coalesce(o.events, 0)
