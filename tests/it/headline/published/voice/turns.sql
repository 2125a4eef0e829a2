select 'orphan_turns', count(*) from analytics.fact_voice_ai_turns where not has_session
union all
select 'repeat_users', count(*)
from (select user_key from analytics.fact_voice_ai_sessions group by user_key having count(*) > 1) u
union all
select 'all/turns', count(*) from analytics.fact_voice_ai_turns where has_session
union all
select 'all/' || error_type || '_turns', count(*)
from analytics.fact_voice_ai_turns
where has_session and error_type <> 'none'
group by error_type
union all
select asr_model_version || '/error_turns', sum(error_turns)::bigint
from analytics.voice_error_baseline
group by asr_model_version
