select
    {{ dbt.any_value("'same'::text") }} as any_one,
    {{ dbt.bool_or('t is null') }} as any_null,
    {{ dbt.listagg('t', "', '", 'order by id') }} as listed,
    {{ dbt.listagg('t', "'|'", 'order by id desc', 2) }} as listed_two,
    {{ dbt.listagg('u') }} is not null as listed_plain
from {{ ref('texts') }}
