{{ config(materialized='table') }}
{#
  Sessions by their first story. Handed off before all else; open while the session is; abandoned where it ended inside a
  form or on something that was not understood; else completed.
#}
with

judged as (
  select
    s.first_story_intent as story_intent,
    case
      when s.is_handed_off then 'handed_off'
      when s.is_open then 'open'
      when s.form_at_end is not null or s.last_intent is null
        or s.last_intent in ('nlu_fallback', 'out_of_scope', 'restart') then 'abandoned'
      else 'completed'
    end as outcome
  from {{ ref('rasa_sessions') }} s
  where s.first_story_intent is not null
)

select
  j.story_intent,
  j.outcome,
  count(*) as sessions,
  count(*)::double precision / sum(count(*)) over (partition by j.story_intent)::double precision as outcome_share
from judged j
group by 1, 2
