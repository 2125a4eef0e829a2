-- All rows of a sender belong to one user.
{{ config(audit_scope='keys', audit_keys=['sender_key']) }}
select sender_key, count(distinct user_key) as users
from {{ ref('rasa_event_sequence') }}
group by sender_key
having count(distinct user_key) > 1
