select
    id,
    {{ dbt.concat(['t', "'/'", 'u']) }} as joined,
    {{ dbt.length('t') }} as long,
    {{ dbt.position("'-'", 't') }} as place,
    {{ dbt.replace('t', "'-'", "'+'") }} as replaced,
    {{ dbt.right('t', 3) }} as at_right,
    {{ dbt.right('t', 0) }} as nothing,
    {{ dbt.split_part('t', "'-'", 2) }} as part_2,
    {{ dbt.split_part('t', "'-'", -1) }} as part_last,
    {{ dbt.hash('t') }} as hashed,
    {{ dbt.string_literal(dbt.escape_single_quotes("it's")) }} as quoted,
    {{ dbt.safe_cast('u', api.Column.translate_type('string')) }} as cast_text,
    {{ dbt.cast("'12'", dbt.type_int()) }} as cast_int,
    {{ dbt.cast_bool_to_text('t is null') }} as bool_text
from {{ ref('texts') }}
