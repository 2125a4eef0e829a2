-- The arms' sessions in the daily table are the rows of the bridge, but for those from before the assignment.
select coalesce(d.experiment_id, x.experiment_id) as experiment_id, coalesce(d.variant_id, x.variant_id) as variant_id,
       d.sessions, x.sessions as bridge_sessions
from (
  select experiment_id, variant_id, sum(sessions) as sessions
  from {{ ref('exp_conversation_daily') }}
  where slice = 'experiment'
  group by experiment_id, variant_id
) d
full join (
  select experiment_id, variant_id, count(*) as sessions
  from {{ ref('exp_session_experiments') }}
  where not is_pre_exposure
  group by experiment_id, variant_id
) x on x.experiment_id = d.experiment_id and x.variant_id = d.variant_id
where d.sessions is distinct from x.sessions
