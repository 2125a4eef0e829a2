-- Rates of segments that daily figures are not split by.
with segments as (
  select s.segment, f.*
  from analytics.fact_voice_ai_sessions f
  cross join lateral (
    values (f.region), (case when f.is_first_time_user then 'first_time' else 'not_first_time' end)
  ) as s(segment)
)
select g.segment || '/' || v.key, v.value
from (
  select
    segment,
    avg(is_completed::int) as completion_rate,
    avg(is_abandoned::int) as abandonment_rate,
    avg(is_transferred::int) as transfer_rate,
    sum(error_turns)::float8 / nullif(sum(total_turns), 0)::float8 as turn_error_rate,
    avg((is_recovered = 'yes')::int) filter (where error_turns > 0) as recovery_rate,
    sum(user_asr_confidence_sum)::float8 / nullif(sum(user_asr_confidence_count), 0)::float8 as asr_confidence_turn_avg
  from segments
  group by segment
) g
cross join lateral jsonb_each_text(to_jsonb(g) - 'segment') as v
