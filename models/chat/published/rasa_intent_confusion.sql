{{ config(materialized='incremental', unique_key='message_date', incremental_strategy='delete+insert',
          indexes=[{'columns': ['message_date']}]) }}
-- depends_on: {{ ref('stg_rasa__sender_ids') }}
with

messages as (
  select
    {{ reporting_date('m."timestamp"') }} as message_date,
    m.intent_name,
    m.second_intent_name,
    m.intent_confidence::numeric - m.second_intent_confidence::numeric as margin,
    m.is_reverted
  from {{ ref('rasa_user_messages') }} m
  where m.intent_name is not null and m.second_intent_name is not null
)

select
  m.message_date,
  m.intent_name,
  m.second_intent_name,
  count(*) filter (where not m.is_reverted) as messages,
  -- A message that was taken back keeps its day, so that no day ever disappears.
  count(*) filter (where m.is_reverted) as reverted_messages,
  avg(m.margin) filter (where not m.is_reverted)::double precision as mean_margin
from messages m
{%- if is_incremental() %}
where m.message_date in (
  select {{ reporting_date('n."timestamp"') }} from {{ ref('rasa_user_messages') }} n where {{ rasa_in_scope('n.sender_key') }}
)
{%- endif %}
group by 1, 2, 3
