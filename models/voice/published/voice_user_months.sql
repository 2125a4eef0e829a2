{{ config(materialized='table', indexes=[{'columns': ['user_key', 'session_month'], 'unique': true}, {'columns': ['session_month']}]) }}
-- Who calls again: callers by month.
select
  f.user_key,
  date_trunc('month', f.session_date)::date as session_month,
  -- What the newest call of the month says of its caller.
  (array_agg(f.region order by f.session_started_at desc, f.session_id))[1] as region,
  (array_agg(f.is_first_time_user order by f.session_started_at desc, f.session_id))[1] as is_first_time_user,
  count(*) as sessions,
  count(*) filter (where f.is_completed) as completed_sessions,
  count(*) >= 2 as is_repeat
from {{ ref('fact_voice_ai_sessions') }} f
group by 1, 2
