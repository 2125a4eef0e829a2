with cohorts as (
  select c.cohort, s.*
  from analytics.rasa_sessions s
  cross join lateral (
    values ('all'), ('in ' || s.environment), ('by ' || coalesce(s.input_channel, '(none)'))
  ) as c(cohort)
)
select g.cohort || '/' || v.key, v.value
from (
  select
    cohort,
    count(*) as sessions,
    count(*) filter (where is_bounced) as bounced,
    count(*) filter (where is_open) as open,
    count(*) filter (where not is_bounced) as dialogues,
    count(*) filter (where not is_bounced and not is_open) as closed_dialogues,
    count(*) filter (where is_handed_off) as handed_off,
    count(*) filter (where is_contained) as contained,
    count(*) filter (where is_contained and not is_open) as contained_closed,
    count(*) filter (where is_contained_no_return) as contained_no_return,
    count(*) filter (where is_contained_no_return and not is_open) as contained_no_return_closed,
    sum(interactions_count) as interactions,
    count(*) filter (where not is_bounced and intents_frustrated_count > 0) as frustrated,
    count(*) filter (where not is_bounced and intents_raise_dispute_count > 0) as disputed,
    count(*) filter (where not is_bounced and intents_happy_count > 0) as happy,
    avg(is_bounced::int) as bounce_rate,
    avg(interactions_count) filter (where not is_bounced) as interactions_per_session
  from cohorts
  group by cohort
) g
cross join lateral jsonb_each_text(to_jsonb(g) - 'cohort') as v
union all
select 'metric/' || v.figure, v.value::text
from (
  select
    sum(intent_out_of_scope_count) as a, sum(intent_nlu_fallback_count) as b, sum(action_default_fallback_count) as c,
    sum(action_unlikely_intent_count) as d, sum(intents_frustrated_count) as e, sum(intents_happy_count) as f,
    sum(intents_raise_dispute_count) as g, sum(actions_agent_handoff_count) as h
  from analytics.rasa_sessions
) m
cross join lateral (
  values ('intent_out_of_scope', m.a), ('intent_nlu_fallback', m.b), ('action_default_fallback', m.c),
         ('action_unlikely_intent', m.d), ('intents_frustrated', m.e), ('intents_happy', m.f),
         ('intents_raise_dispute', m.g), ('actions_agent_handoff', m.h)
) as v(figure, value)
