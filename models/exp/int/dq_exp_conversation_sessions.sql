-- How many sessions carry each quality flag.
select 'session' as column_name, f.flag as reason, count(*) as rows
from {{ ref('exp_conversation_sessions') }} s
cross join lateral unnest(s.dq_flags) as f(flag)
group by 1, 2
