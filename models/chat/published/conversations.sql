{{ config(materialized='view') }}
-- Senders by the name that a conversation has elsewhere.
select
  s.sender_key as conversation_id,
  s.user_key,
  s.sender_conversation_initiation_timestamp,
  s.sender_conversation_start_timestamp,
  s.sender_conversation_end_timestamp,
  s.sessions_count,
  s.sender_conversation_duration_seconds
from {{ ref('rasa_senders') }} s
