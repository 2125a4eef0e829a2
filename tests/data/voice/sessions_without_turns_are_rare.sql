-- Sessions without turns stay in the fact; above 5% of them a delivery is missing.
select sessions, without_turns
from (
  select count(*) as sessions, count(*) filter (where not has_turns) as without_turns
  from {{ ref('fact_voice_ai_sessions') }}
) c
where without_turns > 0.05 * sessions
