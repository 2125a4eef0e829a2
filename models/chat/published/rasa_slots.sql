{{ config(materialized='incremental', unique_key='sender_key', incremental_strategy='delete+insert',
          partition_by=rasa_by_month('timestamp'),
          indexes=[rasa_unique('slot_record_hash', 'timestamp'), {'columns': ['sender_key', 'timestamp']}, {'columns': ['session_key']}, {'columns': ['interaction_id']}]) }}
select
  s.slot_record_hash,
  s.sender_key,
  s.user_key,
  s.session_id,
  s.session_key,
  s.session_nr,
  s.interaction_nr,
  s.interaction_id,
  s."timestamp",
  s.environment,
  s.is_reverted,
  s.active_form,
  s.active_form_nr,
  s.name,
  s.value_is_null,
  s.slot_name_normalised,
  s.slot_action_normalised,
  s.next_slot_fill_attempt_record_hash,
  s.next_slot_fill_record_hash,
  s.interaction_id as slots_interaction_sk,
  f.interaction_id as fill_event_interaction_id,
  a.interaction_id as fill_attempt_event_interaction_id,
  f.attempts_so_far - s.attempts_so_far as attempts_until_fill
from {{ ref('stg_rasa__slots') }} s
left join {{ ref('stg_rasa__slots') }} a on a.slot_record_hash = s.next_slot_fill_attempt_record_hash
left join {{ ref('stg_rasa__slots') }} f on f.slot_record_hash = s.next_slot_fill_record_hash
where {{ rasa_in_scope('s.sender_id') }}
