-- A drop-off names the same state in its payload and in its context.
{{ config(severity='warn', audit_scope='rows') }}
select session_id, last_active_state
from {{ ref('exp_conversation_sessions') }}
where 'state_conflict' = any(dq_flags)
