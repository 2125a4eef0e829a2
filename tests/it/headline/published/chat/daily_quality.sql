with cohorts as (
  select c.cohort, q.*
  from analytics.rasa_daily_quality q
  cross join lateral (values ('all'), ('in ' || q.environment), ('by ' || q.input_channel)) as c(cohort)
)
select g.cohort || '/' || v.key, v.value
from (
  select
    cohort,
    sum(sessions) as sessions,
    sum(bounced_sessions) as bounced,
    sum(open_sessions) as open,
    sum(dialogues) as dialogues,
    sum(closed_dialogues) as closed_dialogues,
    sum(handed_off_sessions) as handed_off,
    sum(contained_sessions) as contained_closed,
    sum(contained_no_return_sessions) as contained_no_return_closed,
    sum(interactions) as interactions,
    sum(dialogue_interactions) as dialogue_interactions,
    sum(fallback_interactions) as fallback_interactions,
    sum(frustrated_sessions) as frustrated,
    sum(disputed_sessions) as disputed,
    sum(happy_sessions) as happy,
    sum(bounced_sessions)::float8 / sum(sessions)::float8 as bounce_rate,
    sum(contained_sessions)::float8 / nullif(sum(closed_dialogues), 0)::float8 as containment_rate,
    sum(contained_no_return_sessions)::float8 / nullif(sum(closed_dialogues), 0)::float8 as containment_no_return_rate,
    sum(handed_off_sessions)::float8 / nullif(sum(dialogues), 0)::float8 as handover_rate,
    sum(fallback_interactions)::float8 / nullif(sum(dialogue_interactions), 0)::float8 as fallback_rate,
    sum(frustrated_sessions)::float8 / nullif(sum(dialogues), 0)::float8 as frustration_rate,
    sum(disputed_sessions)::float8 / nullif(sum(dialogues), 0)::float8 as dispute_rate,
    sum(interactions)::float8 / nullif(sum(dialogues), 0)::float8 as interactions_per_session,
    (sum(intent_confidence_sum) / nullif(sum(intent_confidence_count), 0))::float8 as intent_confidence_avg
  from cohorts
  -- A day that its sessions left keeps a row of zeros.
  group by cohort
  having sum(sessions) > 0
) g
cross join lateral jsonb_each_text(to_jsonb(g) - 'cohort') as v
