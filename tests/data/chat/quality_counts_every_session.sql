-- The days together hold every session once.
select s.sessions, d.sessions as counted
from (select count(*) as sessions from {{ ref('rasa_sessions') }}) s
cross join (select coalesce(sum(sessions), 0) as sessions from {{ ref('rasa_daily_quality') }}) d
where s.sessions <> d.sessions
