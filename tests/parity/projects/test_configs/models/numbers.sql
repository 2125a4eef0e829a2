{{ config(materialized='table') }}
select n, case when n > 3 then null else 'w' || n % 2 end as word from generate_series(1, 6) as n
