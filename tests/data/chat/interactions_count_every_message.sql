-- User events, interactions from 1 on, and what sessions count are the same number.
select e.messages, i.interactions, s.counted
from (select count(*) as messages from {{ ref('stg_rasa__events') }} where event = 'user') e
cross join (select count(*) as interactions from {{ ref('rasa_interactions') }} where interaction_nr > 0) i
cross join (select coalesce(sum(interactions_count), 0) as counted from {{ ref('rasa_sessions') }}) s
where e.messages <> i.interactions or e.messages <> s.counted
