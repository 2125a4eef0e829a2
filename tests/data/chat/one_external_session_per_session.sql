-- The caller and the rules agree on where sessions end.
{{ config(severity='warn', audit_scope='keys', audit_keys=['session_key']) }}
select session_key, count(distinct external_session_id) as external_sessions
from {{ ref('rasa_interactions') }}
group by session_key
having count(distinct external_session_id) > 1
