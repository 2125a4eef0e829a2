-- Sessions that reached a state, and those lost in it, are the same by session and by flow.
select coalesce(v.flow_id, p.flow_id) as flow_id, coalesce(v.state, p.state) as state, v.settled, p.settled_sessions_reached, v.lost,
       p.lost_sessions
from (
  select coalesce(flow_id, '(none)') as flow_id, state, count(*) filter (where is_settled and state <> '(none)') as settled,
         count(*) filter (where is_lost) as lost
  from {{ ref('exp_state_visits') }}
  group by 1, 2
) v
full join (select * from {{ ref('exp_flow_dropoff_points') }} where slice = 'flow') p on p.flow_id = v.flow_id and p.state = v.state
where coalesce(v.settled, 0) <> coalesce(p.settled_sessions_reached, 0) or coalesce(v.lost, 0) <> coalesce(p.lost_sessions, 0)
