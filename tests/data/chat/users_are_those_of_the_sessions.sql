-- No user is left from before a sender was identified.
select coalesce(u.user_key, s.user_key) as user_key
from {{ ref('rasa_users') }} u
full join (select distinct user_key from {{ ref('rasa_senders') }}) s on s.user_key = u.user_key
where u.user_key is null or s.user_key is null
