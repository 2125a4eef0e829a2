{{ config(materialized='table', indexes=[{'columns': ['sender_id'], 'unique': true}, {'columns': ['sender_key'], 'unique': true}]) }}
{#
  Who a sender is, and whose rows this run writes again: senders with an event in the loads to process, and all who share
  a user with them, the new one or the one before. Both follow from the events and the log of loads alone, so a run that
  failed changes nothing for the next.
#}
with

processed as (
  {{ rasa_processed_loads() }}
),

senders as (
  select
    e.sender_id,
    bool_or(l.load_id is not null) as has_new_events
  from {{ ref('base_rasa__events') }} e
  left join {{ ref('stg_rasa__load_ids') }} l on l.load_id = e._load_id
  where e.quarantine_reason is null
  group by e.sender_id
),

named as (
  select distinct on (e.sender_id) e.sender_id, e.person_id, e."timestamp" as identified_at
  from {{ ref('base_rasa__events') }} e
  where e.quarantine_reason is null and e.person_id is not null
  order by e.sender_id, e."timestamp", e.seq, e._record_hash
),

named_before as (
  select distinct on (e.sender_id) e.sender_id, e.person_id
  from {{ ref('base_rasa__events') }} e
  where e.quarantine_reason is null and e.person_id is not null
    and e._load_id in (select p.load_id from processed p)
  order by e.sender_id, e."timestamp", e.seq, e._record_hash
),

identities as (
  select
    s.sender_id,
    coalesce(n.person_id, s.sender_id) as user_id,
    n.identified_at,
    coalesce(b.person_id, s.sender_id) as previous_user_id,
    s.has_new_events
  from senders s
  left join named n on n.sender_id = s.sender_id
  left join named_before b on b.sender_id = s.sender_id
),

touched as (
  select i.user_id from identities i where i.has_new_events
  union
  select i.previous_user_id from identities i where i.has_new_events
)

select
  i.sender_id,
  {{ pseudonym('i.sender_id') }} as sender_key,
  i.user_id,
  {{ pseudonym('i.user_id') }} as user_key,
  i.identified_at,
  i.previous_user_id,
  i.has_new_events,
  i.user_id in (select t.user_id from touched t) or i.previous_user_id in (select t.user_id from touched t) as in_scope
from identities i
