{{ config(materialized='table', indexes=[{'columns': ['message_date']}]) }}
select
  {{ reporting_date('m."timestamp"') }} as message_date,
  m.intent_name,
  m.second_intent_name,
  count(*) as messages,
  avg(m.intent_confidence::numeric - m.second_intent_confidence::numeric)::double precision as mean_margin
from {{ ref('rasa_user_messages') }} m
where m.intent_name is not null and m.second_intent_name is not null and not m.is_reverted
group by 1, 2, 3
