{{ config(materialized='table') }}
with

pairs as (
  select
    coalesce(m.intent_name, '(none)') as intent_name,
    coalesce(lead(m.intent_name) over w, case when lead(m.user_message_record_hash) over w is null then '(end)' else '(none)' end)
      as next_intent_name
  from {{ ref('rasa_user_messages') }} m
  where not m.is_reverted
  window w as (partition by m.session_key order by m.interaction_nr)
)

select p.intent_name, p.next_intent_name, count(*) as transitions
from pairs p
group by 1, 2
