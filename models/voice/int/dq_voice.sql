-- How many values cleaning took away and how many rows were copies, by model, column and reason.
select 'stg_voice__turns' as model, split_part(f.flag, ':', 1) as column_name, split_part(f.flag, ':', 2) as reason,
       count(*) as rows
from {{ ref('stg_voice__turns') }} t
cross join lateral unnest(t.dq_flags) as f(flag)
group by 1, 2, 3
union all
select 'stg_voice__sessions', split_part(f.flag, ':', 1), split_part(f.flag, ':', 2), count(*)
from {{ ref('stg_voice__sessions') }} s
cross join lateral unnest(s.dq_flags) as f(flag)
group by 1, 2, 3
union all
select 'stg_voice__turns', 'turn_id', 'copy',
       (select count(*) from {{ source('voice', 'voice_turns') }} t where t.turn_id is not null and t.session_id is not null)
       - count(*)
from {{ ref('stg_voice__turns') }}
union all
select 'stg_voice__turns', case when t.turn_id is null then 'turn_id' else 'session_id' end, 'missing', count(*)
from {{ source('voice', 'voice_turns') }} t
where t.turn_id is null or t.session_id is null
group by 2
union all
select 'stg_voice__ai_metrics', 'session_id', 'missing', count(*)
from {{ source('voice', 'voice_ai_metrics') }} m
where m.session_id is null
having count(*) > 0
union all
select 'stg_voice__sessions', 'session_id', 'copy',
       (select count(*) from {{ source('voice', 'voice_sessions') }}) - count(*)
from {{ ref('stg_voice__sessions') }}
union all
select 'fact_voice_ai_sessions', 'session', f.flag, count(*)
from {{ ref('fact_voice_ai_sessions') }} s
cross join lateral unnest(s.dq_flags) as f(flag)
group by 3
