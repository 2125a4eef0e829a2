{{ config(materialized='incremental', unique_key='sender_key', incremental_strategy='delete+insert',
          partition_by=rasa_by_month('timestamp'),
          indexes=[rasa_unique('action_record_hash', 'timestamp'), {'columns': ['sender_key', 'timestamp']}, {'columns': ['session_key']}, {'columns': ['interaction_id']}]) }}
select
  e._record_hash as action_record_hash,
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
  e.value as action_name,
  e.policy,
  e.confidence,
  e.interaction_id as story_action_interaction_sk
from {{ ref('stg_rasa__event_sequence') }} e
where e.event = 'action' and {{ rasa_in_scope('e.sender_id') }}
