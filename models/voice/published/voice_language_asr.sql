{{ config(materialized='table') }}
-- How well each language is understood, by recogniser version. Turns of the user only.
select
  s.language,
  s.asr_model_version,
  count(distinct s.session_id) as sessions,
  count(*) as user_turns,
  count(t.asr_confidence) as turns_with_confidence,
  percentile_cont(0.25) within group (order by t.asr_confidence) as asr_confidence_p25,
  percentile_cont(0.5) within group (order by t.asr_confidence) as asr_confidence_p50,
  percentile_cont(0.75) within group (order by t.asr_confidence) as asr_confidence_p75,
  count(*) filter (where t.is_error)::double precision / count(*) as turn_error_rate,
  count(*) filter (where t.error_type = 'misunderstanding')::double precision / count(*) as misunderstanding_rate,
  count(*) filter (where t.error_type = 'silence')::double precision / count(*) as silence_rate,
  count(*) filter (where t.error_type = 'noise')::double precision / count(*) as noise_rate
from {{ ref('fact_voice_ai_turns') }} t
join {{ ref('fact_voice_ai_sessions') }} s on s.session_id = t.session_id
where t.speaker = 'user'
group by 1, 2
