{{ config(materialized='incremental', unique_key='sender_key', incremental_strategy='delete+insert',
          partition_by=rasa_by_month('timestamp'),
          indexes=[rasa_unique('bot_record_hash', 'timestamp'), {'columns': ['sender_key', 'timestamp']}, {'columns': ['session_key']}, {'columns': ['interaction_id']}]) }}
select
  e._record_hash as bot_record_hash,
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
  e.value as utter_action,
  length(e.text)::bigint as text_length,
  e.button_count::bigint as button_count,
  e.interaction_id as bot_interaction_sk,
  e.interaction_id as user_interaction_fk,
  e.interaction_id as action_interaction_fk,
  case when e.reverse_interaction_nr > 0 then e.session_id || '/' || (e.interaction_nr + 1) end as next_user_interaction_fk
from {{ ref('stg_rasa__event_sequence') }} e
where e.event = 'bot' and {{ rasa_in_scope('e.sender_id') }}
