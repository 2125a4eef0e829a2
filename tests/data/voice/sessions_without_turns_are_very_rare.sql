-- Above 0.5% sessions without turns are worth a look.
{{ config(severity='warn') }}
select sessions, without_turns
from (
  select count(*) as sessions, count(*) filter (where not has_turns) as without_turns
  from {{ ref('fact_voice_ai_sessions') }}
) c
where without_turns > 0.005 * sessions
