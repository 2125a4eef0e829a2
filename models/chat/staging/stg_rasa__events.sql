{{
  config(
    materialized='incremental',
    unique_key='sender_id',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['_record_hash'], 'unique': true}, {'columns': ['sender_id', 'timestamp']}]
  )
}}
-- Events without copies: of the same event in several loads the one of the earliest load stays.
select distinct on (e._record_hash)
  e._record_hash,
  e.seq,
  e.sender_id,
  i.sender_key,
  i.user_id,
  i.user_key,
  e.event,
  e.value,
  e."timestamp",
  e.model_id,
  e.environment,
  e._load_id,
  e.metadata_session_id,
  e.is_flagged,
  e.text,
  e.message_id,
  e.input_channel,
  e.intent_confidence,
  e.second_intent_name,
  e.second_intent_confidence,
  e.confidence,
  e.external_session_id,
  e.button_count,
  e.policy,
  e.slot_value,
  e.dq_flags
from {{ ref('base_rasa__events') }} e
join {{ ref('stg_rasa__sender_ids') }} i on i.sender_id = e.sender_id
where e.quarantine_reason is null
{%- if is_incremental() %}
  and i.in_scope
{%- endif %}
order by e._record_hash, e._load_id, e.seq
