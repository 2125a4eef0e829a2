-- The daily sums are those of the fact.
select f.sessions, k.sessions as kpi_sessions, f.error_turns, k.error_turns as kpi_error_turns
from (
  select count(*) as sessions, coalesce(sum(error_turns), 0) as error_turns from {{ ref('fact_voice_ai_sessions') }}
) f
cross join (
  select coalesce(sum(sessions), 0) as sessions, coalesce(sum(error_turns), 0) as error_turns
  from {{ ref('voice_kpi_daily') }}
) k
where f.sessions <> k.sessions or f.error_turns <> k.error_turns
