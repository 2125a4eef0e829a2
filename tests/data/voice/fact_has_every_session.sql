-- Both ways: the fact has each session of the source, once, and no other.
select coalesce(s.session_id, f.session_id) as session_id, s.source_sessions, f.fact_rows
from (
  select session_id, 1 as source_sessions from {{ source('voice', 'voice_sessions') }} group by session_id
) s
full join (
  select session_id, count(*) as fact_rows from {{ ref('fact_voice_ai_sessions') }} group by session_id
) f on f.session_id = s.session_id
where s.source_sessions is distinct from f.fact_rows
