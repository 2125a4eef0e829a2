-- session_started_metadata stands in the session of the action that follows it.
{{ config(audit_scope='keys', audit_keys=['sender_key']) }}
select _record_hash
from (
  select
    _record_hash, event, value, session_key,
    lead(event) over w as next_event, lead(value) over w as next_value, lead(session_key) over w as next_session_key
  from {{ ref('rasa_event_sequence') }}
  window w as (partition by sender_key order by "timestamp", seq, _record_hash)
) e
where event = 'slot' and value = 'session_started_metadata' and next_event = 'action' and next_value = 'action_session_start'
  and session_key <> next_session_key
