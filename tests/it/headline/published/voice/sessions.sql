with segments as (
  select s.segment, f.*
  from analytics.fact_voice_ai_sessions f
  cross join lateral (
    values ('all'), (f.region), (case when f.is_first_time_user then 'first_time' else 'not_first_time' end),
           (f.language), (f.asr_model_version)
  ) as s(segment)
)
select g.segment || '/' || v.figure, v.value
from (
  select
    segment,
    count(*) as sessions,
    count(*) filter (where is_completed) as completed,
    count(*) filter (where is_abandoned) as abandoned,
    count(*) filter (where is_transferred) as transferred,
    count(*) filter (where final_outcome = 'open') as open,
    count(*) filter (where is_escalated) as escalated,
    count(*) filter (where not has_turns) as without_turns,
    count(*) filter (where not has_metrics) as without_metrics,
    sum(total_turns) as turns,
    sum(error_turns) as error_turns,
    sum(misunderstanding_turns) as misunderstanding_turns,
    sum(silence_turns) as silence_turns,
    sum(noise_turns) as noise_turns,
    sum(repeat_failure_turns) as repeat_failure_turns,
    sum(longest_error_run) as longest_error_run,
    coalesce(sum(first_error_position), 0) as first_error_positions,
    count(*) filter (where has_turns) as with_turns,
    count(*) filter (where error_turns > 0) as with_errors,
    count(*) filter (where error_turns > 0 and is_recovered = 'yes') as recovered,
    (sum(user_asr_confidence_sum) * 1000000)::bigint as user_asr_sum,
    sum(user_asr_confidence_count) as user_asr_count,
    avg(avg_asr_confidence) as asr_confidence_session_avg,
    avg(turn_error_rate) as turn_error_rate_session_avg,
    avg(total_turns) filter (where has_turns) as avg_turns
  from segments
  group by segment
) g
cross join lateral (
  select key, value from jsonb_each_text(to_jsonb(g) - 'segment')
) as v(figure, value)
