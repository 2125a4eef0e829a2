select 'events/all', count(*) from analytics.rasa_event_sequence
union all
select 'events/' || event, count(*) from analytics.rasa_event_sequence group by event
union all
select 'events/user', count(*) from analytics.rasa_user_messages
union all
select 'events/bot', count(*) from analytics.rasa_bot_actions
union all
select 'events/action', count(*) from analytics.rasa_actions
union all
select 'events/slot', count(*) from analytics.rasa_slots
union all
select 'all/interactions', count(*) from analytics.rasa_interactions where interaction_nr >= 1
union all
select 'all/dialogue_interactions', count(*) from analytics.rasa_interactions where interaction_nr >= 1 and not is_reverted
