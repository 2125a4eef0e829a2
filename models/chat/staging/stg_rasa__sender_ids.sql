{{
  config(
    materialized='table',
    indexes=[
      {'columns': ['sender_id'], 'unique': true},
      {'columns': ['sender_key'], 'unique': true},
    ]
  )
}}
{#
  Whose rows this run writes again: senders with an event in the loads to process, and all who share a user with them, the
  new one or the one before. Both follow from the events and the log of loads alone, so a run that failed changes nothing
  for the next.
#}
with

processed as (
  {{ rasa_processed_loads() }}
),

new_senders as (
  select distinct e.sender_id
  from {{ ref('stg_rasa__load_ids') }} l
  join {{ ref('base_rasa__events') }} e on e._load_id = l.load_id
  where e.quarantine_reason is null
),

named_before as (
  select distinct on (e.sender_id) e.sender_id, e.person_id
  from {{ ref('base_rasa__events') }} e
  where e.quarantine_reason is null and e.person_id is not null
    and e._load_id in (select p.load_id from processed p)
    and e.sender_id in (select n.sender_id from new_senders n)
  order by e.sender_id, e."timestamp", e.seq, e._record_hash
),

identities as (
  select
    u.*,
    case when n.sender_id is null then u.user_id else coalesce(b.person_id, u.sender_id) end as previous_user_id,
    n.sender_id is not null as has_new_events
  from {{ ref('stg_rasa__sender_users') }} u
  left join new_senders n on n.sender_id = u.sender_id
  left join named_before b on b.sender_id = u.sender_id
),

touched as (
  select i.user_id from identities i where i.has_new_events
  union
  select i.previous_user_id from identities i where i.has_new_events
)

select
  i.sender_id,
  i.sender_key,
  i.user_id,
  i.user_key,
  i.identified_at,
  i.previous_user_id,
  i.has_new_events,
  i.user_id in (select t.user_id from touched t) or i.previous_user_id in (select t.user_id from touched t) as in_scope
from identities i
