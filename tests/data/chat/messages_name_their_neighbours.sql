-- What the bot says before the last message of a session names the interaction that follows, and nothing else does; every message
-- but a session's first names the one before.
select b.bot_record_hash as record_hash
from {{ ref('rasa_bot_actions') }} b
join {{ ref('rasa_sessions') }} s on s.session_key = b.session_key
where (b.next_user_interaction_fk is null) <> (b.interaction_nr = s.interactions_count)
union all
select m.user_message_record_hash
from {{ ref('rasa_user_messages') }} m
where (m.previous_bot_interaction_fk is null) <> (m.interaction_nr = 1)
