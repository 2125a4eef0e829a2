-- Per start date, the totals and the sum over flows are the number of sessions.
select coalesce(s.start_date, d.start_date) as start_date, s.sessions, d.total_sessions, d.flow_sessions
from (
  select start_date, count(*) as sessions from {{ ref('exp_conversation_sessions') }} group by start_date
) s
full join (
  select
    start_date,
    sum(sessions) filter (where slice = 'total') as total_sessions,
    sum(sessions) filter (where slice = 'flow') as flow_sessions
  from {{ ref('exp_conversation_daily') }}
  group by start_date
) d on d.start_date = s.start_date
where coalesce(s.sessions, 0) <> coalesce(d.total_sessions, 0) or coalesce(s.sessions, 0) <> coalesce(d.flow_sessions, 0)
