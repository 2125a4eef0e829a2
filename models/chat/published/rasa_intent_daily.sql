{{ config(materialized='table', indexes=[{'columns': ['message_date']}, {'columns': ['intent_name']}]) }}
select
  {{ reporting_date('m."timestamp"') }} as message_date,
  coalesce(m.intent_name, '(none)') as intent_name,
  count(*) as messages,
  count(distinct m.session_key) as sessions,
  count(m.intent_confidence) as intent_confidence_count,
  coalesce(sum(m.intent_confidence::numeric), 0)::numeric(24,6) as intent_confidence_sum,
  -- Of numeric: sums of floating point depend on the order of rows.
  avg(m.intent_confidence::numeric)::double precision as mean_confidence,
  count(*) filter (where m.intent_confidence < {{ var('rasa_low_confidence', 0.5) }}) as low_confidence_messages,
  count(*) filter (where m.intent_confidence < {{ var('rasa_low_confidence', 0.5) }})::double precision
    / nullif(count(m.intent_confidence), 0) as low_confidence_rate
from {{ ref('rasa_user_messages') }} m
where not m.is_reverted
group by 1, 2
