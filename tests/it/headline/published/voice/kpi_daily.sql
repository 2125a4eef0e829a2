with daily as (
  select s.segment, k.*
  from analytics.voice_kpi_daily k
  cross join lateral (values ('all'), (k.language), (k.asr_model_version)) as s(segment)
)
select g.segment || '/' || v.key, v.value
from (
  select
    segment,
    sum(sessions) as sessions,
    sum(completed_sessions) as completed,
    sum(abandoned_sessions) as abandoned,
    sum(transferred_sessions) as transferred,
    sum(sessions) - sum(closed_sessions) as open,
    sum(escalated_sessions) as escalated,
    sum(total_turns) as turns,
    sum(error_turns) as error_turns,
    sum(misunderstanding_turns) as misunderstanding_turns,
    sum(silence_turns) as silence_turns,
    sum(noise_turns) as noise_turns,
    sum(repeat_failure_turns) as repeat_failure_turns,
    sum(sessions_with_turns) as with_turns,
    sum(sessions_with_errors) as with_errors,
    sum(recovered_sessions) as recovered,
    sum(completed_sessions)::float8 / sum(sessions) as completion_rate,
    sum(abandoned_sessions)::float8 / sum(sessions) as abandonment_rate,
    sum(transferred_sessions)::float8 / sum(sessions) as transfer_rate,
    sum(error_turns)::float8 / nullif(sum(total_turns), 0)::float8 as turn_error_rate,
    sum(recovered_sessions)::float8 / nullif(sum(sessions_with_errors), 0)::float8 as recovery_rate,
    sum(user_asr_confidence_sum)::float8 / nullif(sum(user_asr_confidence_count), 0)::float8 as asr_confidence_turn_avg,
    sum(avg_asr_confidence_session_sum)::float8 / nullif(sum(sessions_with_asr_confidence), 0)::float8
      as asr_confidence_session_avg,
    sum(turn_error_rate_session_sum)::float8 / nullif(sum(sessions_with_turns), 0)::float8 as turn_error_rate_session_avg
  from daily
  group by segment
) g
cross join lateral jsonb_each_text(to_jsonb(g) - 'segment') as v
union all
select f.figure, f.value::text
from (
  select sum(first_time_sessions) as a, sum(first_time_completed_sessions) as b, sum(rural_sessions) as c,
         sum(rural_completed_sessions) as d, sum(urban_sessions) as e, sum(urban_completed_sessions) as f
  from analytics.voice_kpi_daily
) k
cross join lateral (
  values ('first_time/sessions', k.a), ('first_time/completed', k.b), ('rural/sessions', k.c), ('rural/completed', k.d),
         ('urban/sessions', k.e), ('urban/completed', k.f)
) as f(figure, value)
