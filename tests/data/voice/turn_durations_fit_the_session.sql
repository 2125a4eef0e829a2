-- The turns of a session do not last longer than the session.
{{ config(severity='warn', audit_scope='rows') }}
select session_id, turn_duration_seconds, total_duration_seconds
from {{ ref('fact_voice_ai_sessions') }}
where turn_duration_seconds > total_duration_seconds
