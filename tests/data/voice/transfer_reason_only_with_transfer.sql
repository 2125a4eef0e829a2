-- The source gives a transfer reason to sessions that were not transferred. The fact leaves it out.
{{ config(severity='warn', audit_scope='rows') }}
select session_id, final_outcome
from {{ ref('fact_voice_ai_sessions') }}
where 'transfer_reason_without_transfer' = any(dq_flags)
