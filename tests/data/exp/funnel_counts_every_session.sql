-- Per start date, the funnel's first step is the number of sessions, in totals and over flows.
select coalesce(s.start_date, f.start_date) as start_date, s.sessions, f.total_sessions, f.flow_sessions
from (
  select start_date, count(*) as sessions from {{ ref('exp_conversation_sessions') }} group by start_date
) s
full join (
  select
    start_date,
    sum(started_sessions) filter (where slice = 'total') as total_sessions,
    sum(started_sessions) filter (where slice = 'flow') as flow_sessions
  from {{ ref('exp_flow_funnel') }}
  group by start_date
) f on f.start_date = s.start_date
where coalesce(s.sessions, 0) <> coalesce(f.total_sessions, 0) or coalesce(s.sessions, 0) <> coalesce(f.flow_sessions, 0)
