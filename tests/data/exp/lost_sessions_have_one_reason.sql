-- Sessions lost, counted by reason, by state and by status, are the same number.
select by_status.sessions, by_reason.sessions as by_reason, by_state.sessions as by_state
from (
  select count(*) as sessions
  from {{ ref('exp_conversation_sessions') }}
  where status in ('dropped_off', 'timed_out', 'cancelled')
) by_status
cross join (
  select coalesce(sum(sessions), 0) as sessions from {{ ref('exp_dropoff_reasons') }} where slice = 'total'
) by_reason
cross join (
  select coalesce(sum(lost_sessions), 0) as sessions from {{ ref('exp_flow_dropoff_points') }} where slice = 'flow'
) by_state
where by_status.sessions <> by_reason.sessions or by_status.sessions <> by_state.sessions
