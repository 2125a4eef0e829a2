-- Both ways: a session id of an accepted conversation event is a session, and a session has such events.
select coalesce(e.session_id, s.session_id) as session_id
from (
  select distinct session_id
  from {{ ref('stg_exp__events') }}
  where session_id is not null and event_type in {{ conversation_event_types() }}
) e
full join {{ ref('exp_conversation_sessions') }} s on s.session_id = e.session_id
where e.session_id is null or s.session_id is null
