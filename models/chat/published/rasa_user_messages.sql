{{ config(materialized='incremental', unique_key='sender_key', incremental_strategy='delete+insert',
          partition_by=rasa_by_month('timestamp'),
          indexes=[rasa_unique('user_message_record_hash', 'timestamp'), {'columns': ['sender_key', 'timestamp']}, {'columns': ['session_key']}, {'columns': ['interaction_id']}]) }}
select
  e._record_hash as user_message_record_hash,
  e.sender_key,
  e.user_key,
  e.session_id,
  e.session_key,
  e.session_nr,
  e.interaction_nr,
  e.interaction_id,
  e."timestamp",
  e.model_id,
  e.environment,
  e.is_reverted,
  e.message_id,
  length(e.text)::bigint as text_length,
  e.value as intent_name,
  e.intent_confidence,
  e.second_intent_name,
  e.second_intent_confidence,
  e.input_channel,
  e.interaction_id as user_interaction_sk,
  e.interaction_id as bot_interaction_fk,
  e.interaction_id as slot_interaction_fk,
  e.interaction_id as action_interaction_fk,
  -- Interaction 0, before the first user message, is no step of the dialogue.
  case when e.interaction_nr > 1 then e.session_id || '/' || (e.interaction_nr - 1) end as previous_bot_interaction_fk
from {{ ref('stg_rasa__event_sequence') }} e
where e.event = 'user' and {{ rasa_in_scope('e.sender_id') }}
