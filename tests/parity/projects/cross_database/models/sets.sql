select * from (
    select id from {{ ref('texts') }} {{ dbt.except() }} select 1
) one_out
union all
select * from (
    select id from {{ ref('texts') }} {{ dbt.intersect() }} select 1
) one_in
