{{ config(alias='other_name', tags=['own']) }}
select sum(n) as total, count(word) as words from {{ ref('as_table') }}
