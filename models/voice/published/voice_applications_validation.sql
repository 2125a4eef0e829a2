{{ config(materialized='table') }}
-- Why applications are not joined to calls: one row of what such a join would do.
with

per_session as (
  select a.session_id, count(*) as applications
  from {{ ref('stg_voice__applications') }} a
  group by a.session_id
)

select
  count(*) as applications,
  count(*) filter (where s.session_id is null) as without_session,
  count(*) filter (where s.user_id <> a.user_id) as of_another_user,
  count(*) filter (where a.submitted_at < s.started_at) as before_the_session,
  count(*) filter (where a.channel <> 'voice') as of_another_channel,
  coalesce((select max(p.applications) from per_session p), 0) as most_per_session,
  count(*) filter (where s.user_id <> a.user_id)::double precision / nullif(count(*), 0) as user_mismatch_rate,
  count(*) filter (where a.submitted_at < s.started_at)::double precision / nullif(count(*), 0) as before_session_rate
from {{ ref('stg_voice__applications') }} a
left join {{ ref('stg_voice__sessions') }} s on s.session_id = a.session_id
