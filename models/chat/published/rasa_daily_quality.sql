{{ config(materialized='table', indexes=[{'columns': ['session_date']}]) }}
-- Sessions count on the day they began. Rates of containment are those of closed sessions: sums first, then the quotient.
with

fallbacks as (
  select
    i.session_id,
    count(*) filter (where i.interaction_nr >= 1 and not i.is_reverted) as dialogue_interactions,
    count(*) filter (
      where i.interaction_nr >= 1 and not i.is_reverted
        and (i.intent_nlu_fallback_count > 0 or i.action_default_fallback_count > 0)
    ) as fallback_interactions,
    count(i.intent_confidence) filter (where not i.is_reverted) as intent_confidence_count,
    coalesce(sum(i.intent_confidence::numeric) filter (where not i.is_reverted), 0) as intent_confidence_sum
  from {{ ref('rasa_interactions') }} i
  group by i.session_id
)

select
  s.session_date,
  s.environment,
  coalesce(s.first_bot_model, '(none)') as first_bot_model,
  coalesce(s.input_channel, '(none)') as input_channel,
  count(*) as sessions,
  count(distinct s.user_key) as users,
  count(*) filter (where s.session_nr = 1) as new_users,
  count(*) filter (where s.is_bounced) as bounced_sessions,
  count(*) filter (where s.is_open) as open_sessions,
  count(*) filter (where not s.is_bounced and not s.is_open) as closed_dialogues,
  count(*) filter (where s.is_contained and not s.is_open) as contained_sessions,
  count(*) filter (where s.is_contained_no_return and not s.is_open) as contained_no_return_sessions,
  count(*) filter (where s.is_handed_off) as handed_off_sessions,
  count(*) filter (where not s.is_bounced) as dialogues,
  coalesce(sum(s.interactions_count), 0)::bigint as interactions,
  sum(f.dialogue_interactions)::bigint as dialogue_interactions,
  sum(f.fallback_interactions)::bigint as fallback_interactions,
  count(*) filter (where not s.is_bounced and s.intents_frustrated_count > 0) as frustrated_sessions,
  count(*) filter (where not s.is_bounced and s.intents_raise_dispute_count > 0) as disputed_sessions,
  count(*) filter (where not s.is_bounced and s.intents_happy_count > 0) as happy_sessions,
  sum(f.intent_confidence_count)::bigint as intent_confidence_count,
  sum(f.intent_confidence_sum)::numeric(24,6) as intent_confidence_sum,
  count(*) filter (where s.is_bounced)::double precision / count(*) as bounce_rate,
  (
    count(*) filter (where s.is_contained and not s.is_open)::double precision
    / nullif(count(*) filter (where not s.is_bounced and not s.is_open), 0)
  ) as containment_rate,
  (
    count(*) filter (where s.is_contained_no_return and not s.is_open)::double precision
    / nullif(count(*) filter (where not s.is_bounced and not s.is_open), 0)
  ) as containment_no_return_rate,
  (
    count(*) filter (where s.is_handed_off)::double precision / nullif(count(*) filter (where not s.is_bounced), 0)
  ) as handover_rate,
  sum(f.fallback_interactions)::double precision / nullif(sum(f.dialogue_interactions), 0)::double precision
    as fallback_rate
from {{ ref('rasa_sessions') }} s
join fallbacks f on f.session_id = s.session_id
group by 1, 2, 3, 4
