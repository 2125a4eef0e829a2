{{ config(materialized='incremental', unique_key='sender_key', incremental_strategy='delete+insert',
          indexes=[{'columns': ['sender_key'], 'unique': true}, {'columns': ['user_key']}]) }}
select
  e.sender_key,
  e.user_key,
  min(e."timestamp") as sender_conversation_initiation_timestamp,
  min(e."timestamp") filter (where e.event = 'user') as sender_conversation_start_timestamp,
  max(e."timestamp") as sender_conversation_end_timestamp,
  count(distinct e.session_key) as sessions_count,
  extract(epoch from max(e."timestamp") - min(e."timestamp"))::numeric(18,3) as sender_conversation_duration_seconds
from {{ ref('stg_rasa__event_sequence') }} e
where {{ rasa_in_scope('e.sender_id') }}
group by e.sender_key, e.user_key
