-- Every session of the sequence is a session, and no other is.
select coalesce(e.session_id, s.session_id) as session_id
from (select distinct session_id, session_key from {{ ref('rasa_event_sequence') }}) e
full join {{ ref('rasa_sessions') }} s on s.session_id = e.session_id and s.session_key = e.session_key
where e.session_id is null or s.session_id is null
