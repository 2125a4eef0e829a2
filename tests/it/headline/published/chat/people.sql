select 'users', count(*) from analytics.rasa_users
union all
select 'senders', count(*) from analytics.rasa_senders
union all
select 'all/sessions', sum(sessions_count)::bigint from analytics.rasa_users
union all
select 'all/sessions', sum(sessions_count)::bigint from analytics.rasa_senders
union all
select 'loads', count(*) from analytics_int.rasa_loads_commit where status = 1
union all
select 'events/copies', coalesce(sum(rows), 0)::bigint from analytics_int.dq_rasa where reason = 'duplicate'
