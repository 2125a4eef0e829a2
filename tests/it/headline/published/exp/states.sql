select 'state ' || p.flow_id || ' ' || p.state || '/' || v.figure, v.value
from analytics.exp_flow_dropoff_points p
cross join lateral (
  values ('reached', p.sessions_reached::text), ('settled_reached', p.settled_sessions_reached::text),
         ('lost', p.lost_sessions::text), ('dropped_off', p.drop_off_count::text), ('hazard', p.state_hazard::text)
) as v(figure, value)
where p.slice = 'flow'
