-- How many values and rows cleaning took away, by column and reason.
select split_part(f.flag, ':', 1) as column_name, split_part(f.flag, ':', 2) as reason, count(*) as rows
from {{ ref('stg_exp__events') }} e
cross join lateral unnest(e.dq_flags) as f(flag)
group by 1, 2
union all
select 'event', case verdict when 'quarantined' then quarantine_reason else verdict end, count(*)
from {{ ref('base_exp__events') }}
where verdict <> 'accepted'
group by 1, 2
