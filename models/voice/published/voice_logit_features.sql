{{ config(materialized='table', indexes=[{'columns': ['session_id'], 'unique': true}]) }}
{#
  What is known early in a call and cannot be a consequence of how it ended; and, marked late_, what can, for a second run.
  Transferred and open calls are kept with their outcome: the main run leaves them out, the sensitivity run does not.
#}
select
  s.session_id,
  s.final_outcome,
  s.final_outcome in ('completed', 'abandoned') as is_in_main_run,
  s.is_abandoned,
  t.first3_asr_confidence,
  t.first3_intent_confidence,
  t.first3_error_share,
  s.is_rural,
  s.is_first_time_user,
  s.language,
  case
    when extract(hour from s.session_started_at at time zone '{{ var("reporting_timezone", "UTC") }}') < 6 then 'night'
    when extract(hour from s.session_started_at at time zone '{{ var("reporting_timezone", "UTC") }}') < 12 then 'morning'
    when extract(hour from s.session_started_at at time zone '{{ var("reporting_timezone", "UTC") }}') < 18 then 'afternoon'
    else 'evening'
  end as hour_band,
  s.total_turns as late_total_turns,
  s.total_duration_seconds as late_total_duration_seconds,
  s.is_escalated as late_is_escalated,
  s.is_recovered as late_is_recovered,
  -- The fold of a call is the same in every run.
  (('x' || substr(encode(sha256(convert_to(s.session_id, 'UTF8')), 'hex'), 1, 8))::bit(32)::bigint % 5)::bigint as fold
from {{ ref('fact_voice_ai_sessions') }} s
join {{ ref('int_voice__turns_by_session') }} t on t.session_id = s.session_id
where s.has_turns
