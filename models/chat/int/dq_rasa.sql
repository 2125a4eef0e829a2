-- How many values and rows cleaning took away, and how many events are of types that no model knows.
select split_part(f.flag, ':', 1) as column_name, split_part(f.flag, ':', 2) as reason, count(*) as rows
from {{ ref('stg_rasa__events') }} e
cross join lateral unnest(string_to_array(e.dq_flags, ',')) as f(flag)
where e.dq_flags is not null
group by 1, 2
union all
select 'event', b.quarantine_reason, count(*)
from {{ ref('base_rasa__events') }} b
where b.quarantine_reason is not null
group by 2
union all
select 'event', 'duplicate', b.rows - s.rows
from (select count(*) as rows from {{ ref('base_rasa__events') }} where quarantine_reason is null) b
cross join (select count(*) as rows from {{ ref('stg_rasa__events') }}) s
where b.rows <> s.rows
union all
select 'event', 'unknown_type', count(*)
from {{ ref('stg_rasa__events') }} e
where e.event not in {{ rasa_text_list(rasa_event_types()) }}
having count(*) > 0
