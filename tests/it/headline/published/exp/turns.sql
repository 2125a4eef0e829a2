select 'turns/' || v.experiment_name || '/' || v.variant_name || '/' || h.turns, h.sessions
from analytics.exp_turn_histogram h
join analytics.exp_experiment_variants v on v.variant_id = h.variant_id
union all
select 'hour/' || event_type || '/' || hour_of_day, events from analytics.exp_conversation_hours
union all
select 'assigned/' || experiment_name || '/' || variant_name, assigned_units from analytics.exp_experiment_variants
