-- The averages and rates that the voice service delivers are those of its turns, within 1e-6.
{{ config(severity='warn') }}
select f.session_id
from {{ ref('fact_voice_ai_sessions') }} f
join {{ ref('stg_voice__ai_metrics') }} m on m.session_id = f.session_id
join {{ ref('int_voice__turns_by_session') }} t on t.session_id = f.session_id
where f.has_turns
  and (
    abs(f.avg_asr_confidence_all - m.avg_asr_confidence) > 1e-6
    or abs(t.avg_intent_confidence_all - m.avg_intent_confidence) > 1e-6
    or abs(f.ratio_misunderstanding_turns - m.misunderstanding_rate) > 1e-6
    or abs(f.ratio_silence_turns - m.silence_rate) > 1e-6
  )
