-- Reported durations differ from the derived ones by 5 seconds at most. They are not used for metrics.
{{ config(severity='warn', audit_scope='rows') }}
select session_id, time_to_completion_seconds, reported_duration_seconds
from {{ ref('exp_conversation_sessions') }}
where 'reported_duration_differs' = any(dq_flags)
