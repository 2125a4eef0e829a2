{{ config(materialized='table', indexes=[{'columns': ['user_key'], 'unique': true}]) }}
-- A table: a user who was only a sender's first name disappears when the sender is identified.
select
  s.user_key,
  min(s.session_initiation_timestamp) as first_seen_timestamp,
  max(s.session_end_timestamp) as last_seen_timestamp,
  count(*) as sessions_count,
  count(distinct s.sender_key) as senders_count,
  (array_agg(s.session_id order by s.session_nr))[1] as first_session_id,
  (array_agg(s.session_id order by s.session_nr desc))[1] as last_session_id,
  (array_agg(s.sender_key order by s.session_nr))[1] as first_sender_key,
  (array_agg(s.sender_key order by s.session_nr desc))[1] as last_sender_key
from {{ ref('rasa_sessions') }} s
group by s.user_key
