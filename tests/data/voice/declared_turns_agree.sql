-- Declared and counted turns differ in at most var('voice_turn_mismatch_warn_share') of the sessions.
{{ config(severity='warn') }}
select sessions, differing
from (
  select count(*) as sessions, count(*) filter (where turns_declared is distinct from total_turns) as differing
  from {{ ref('fact_voice_ai_sessions') }}
) c
where differing > {{ var('voice_turn_mismatch_warn_share', 0.05) }} * sessions
