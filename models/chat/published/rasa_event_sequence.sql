{{ config(materialized='incremental', unique_key='sender_key', incremental_strategy='delete+insert',
          partition_by=rasa_by_month('timestamp'),
          indexes=[rasa_unique('_record_hash', 'timestamp'), {'columns': ['sender_key', 'timestamp']}, {'columns': ['session_key']}, {'columns': ['interaction_id']}]) }}
select
  e._record_hash,
  e.seq,
  e.sender_key,
  e.user_key,
  e.event,
  -- The names of slots stay; what is in them is not here at all.
  e.value,
  e."timestamp",
  e.model_id,
  e.environment,
  e._load_id,
  e.session_nr,
  e.sender_session_nr,
  e.interaction_nr,
  e.reverse_interaction_nr,
  e.active_form,
  e.active_form_nr,
  e.is_reverted,
  e.session_id,
  e.interaction_id,
  e.session_key
from {{ ref('stg_rasa__event_sequence') }} e
where {{ rasa_in_scope('e.sender_id') }}
