{{ config(materialized='incremental', unique_key='message_date', incremental_strategy='delete+insert',
          indexes=[{'columns': ['message_date']}, {'columns': ['intent_name']}]) }}
-- depends_on: {{ ref('stg_rasa__sender_ids') }}
with

messages as (
  select
    {{ reporting_date('m."timestamp"') }} as message_date,
    coalesce(m.intent_name, '(none)') as intent_name,
    m.session_key,
    m.intent_confidence,
    m.is_reverted
  from {{ ref('rasa_user_messages') }} m
)

select
  m.message_date,
  m.intent_name,
  count(*) filter (where not m.is_reverted) as messages,
  -- A message that was taken back keeps its day and intent, so that neither disappears.
  count(*) filter (where m.is_reverted) as reverted_messages,
  count(distinct m.session_key) filter (where not m.is_reverted) as sessions,
  count(m.intent_confidence) filter (where not m.is_reverted) as intent_confidence_count,
  coalesce(sum(m.intent_confidence::numeric) filter (where not m.is_reverted), 0)::numeric(24,6) as intent_confidence_sum,
  -- Of numeric: sums of floating point depend on the order of rows.
  avg(m.intent_confidence::numeric) filter (where not m.is_reverted)::double precision as mean_confidence,
  count(*) filter (where not m.is_reverted and m.intent_confidence < {{ rasa_low_confidence() }})
    as low_confidence_messages,
  count(*) filter (where not m.is_reverted and m.intent_confidence < {{ rasa_low_confidence() }})::double precision
    / nullif(count(m.intent_confidence) filter (where not m.is_reverted), 0) as low_confidence_rate
from messages m
{%- if is_incremental() %}
where m.message_date in (
  select {{ reporting_date('n."timestamp"') }} from {{ ref('rasa_user_messages') }} n where {{ rasa_in_scope('n.sender_key') }}
)
{%- endif %}
group by 1, 2
