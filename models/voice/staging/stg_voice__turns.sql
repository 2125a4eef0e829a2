select
  turn_id,
  session_id,
  turn_number,
  row_number() over (partition by session_id order by turn_number, created_at, turn_id) as turn_position,
  speaker,
  detected_intent,
  intent_confidence,
  asr_confidence,
  error_type,
  coalesce(error_type in {{ voice_error_types() }}, false) as is_error,
  turn_duration_seconds,
  started_at,
  created_at,
  dq_flags,
  _ingested_at
from {{ ref('base_voice__turns') }}
