-- The last number of a user's sessions is how many there are.
{{ config(audit_scope='keys', audit_keys=['user_key']) }}
select user_key, count(*) as sessions, max(session_nr) as last_nr
from {{ ref('rasa_sessions') }}
group by user_key
having count(*) <> max(session_nr) or min(session_nr) <> 1
