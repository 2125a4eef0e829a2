select 'depth/' || to_char(session_month, 'YYYY-MM') || '/' || interaction_nr, sessions
from analytics.rasa_interaction_depth_funnel
union all
select 'story/' || story_intent || '/' || outcome, sessions from analytics.rasa_story_funnel
union all
select 'slot/' || f.active_form || '/' || f.slot_name || '/' || v.figure, v.value
from analytics.rasa_slot_funnel f
cross join lateral (
  values ('requests', f.requests), ('filled', f.filled_requests), ('attempts', f.attempts_until_fill)
) as v(figure, value)
