{{ config(materialized='incremental', unique_key='sender_id', incremental_strategy='delete+insert',
          indexes=[{'columns': ['user_message_record_hash'], 'unique': true}, {'columns': ['sender_id']}]) }}
select
  e._record_hash as user_message_record_hash,
  e.sender_id,
  e.text
from {{ ref('stg_rasa__event_sequence') }} e
where e.event = 'user' and {{ rasa_in_scope('e.sender_id') }}
