select 1 as id, timestamp '2024-02-29 23:59:58.123456' as a, timestamp '2025-03-01 00:00:01' as b
union all
select 2, timestamp '2023-12-31 12:30:00', timestamp '2024-01-01 12:29:59'
union all
select 3, timestamp '2024-05-06', null
