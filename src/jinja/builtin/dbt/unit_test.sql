{# Unit tests: rows given in YAML as queries, and the query that puts the actual rows beside the expected. #}

{% macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
    {{ return(adapter.dispatch('get_unit_test_sql', 'dbt')(main_sql, expected_fixture_sql, expected_column_names)) }}
{%- endmacro %}

{% macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
    {%- set names = expected_column_names | join(', ') -%}
    {%- set label = adapter.quote('actual_or_expected') -%}
    with dbt_internal_unit_test_actual as (
        select
            {{ names }}, {{ dbt.string_literal('actual') }} as {{ label }}
        from (
            {{ main_sql }}
        ) _dbt_internal_unit_test_actual
    ),
    dbt_internal_unit_test_expected as (
        select
            {{ names }}, {{ dbt.string_literal('expected') }} as {{ label }}
        from (
            {{ expected_fixture_sql }}
        ) _dbt_internal_unit_test_expected
    )
    select * from dbt_internal_unit_test_actual
    union all
    select * from dbt_internal_unit_test_expected
{%- endmacro %}

{# The rows of an input. Columns that a row leaves out are null, typed as the relation's. #}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
    {%- set types = {} -%}
    {%- set quoted = {} -%}
    {%- if column_name_to_data_types -%}
        {%- for name, type in column_name_to_data_types.items() -%}
            {%- do types.update({name: type}) -%}
            {%- do quoted.update({name: adapter.quote(name)}) -%}
        {%- endfor -%}
    {%- else -%}
        {%- set relation = defer_relation if defer_relation and not load_relation(this) else this -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do types.update({column.name | lower: column.data_type}) -%}
            {%- do quoted.update({column.name | lower: column.quoted}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if not types -%}
        {%- do exceptions.raise_compiler_error("Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ this ~ " because the relation doesn't exist") -%}
    {%- endif -%}
    {%- set blank = {} -%}
    {%- for name, type in types.items() -%}
        {%- do blank.update({name: safe_cast('null', type) | trim}) -%}
    {%- endfor -%}
    {%- do validate_fixture_rows(rows, none) -%}
-- Fixture for {{ model.name }}
    {%- for row in rows %}
        {%- set cells = blank.copy() -%}
        {%- do cells.update(format_row(row, types)) %}
select {{ _select_list(cells, quoted) }}
{{ 'union all' if not loop.last }}
    {%- else %}
select {{ _select_list(blank, quoted) }}
limit 0
    {%- endfor %}
{% endmacro %}

{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
    {%- for row in rows %}
select {{ _select_list(format_row(row, column_name_to_data_types), column_name_to_quoted) }}
{{ 'union all' if not loop.last }}
    {%- else %}
select * from dbt_internal_unit_test_actual
limit 0
    {%- endfor %}
{% endmacro %}

{% macro _select_list(cells, quoted) -%}
    {%- for name, value in cells.items() -%}
        {{ value }} as {{ quoted[name] }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# A row's values as typed SQL, by the lower-case names of their columns. #}
{% macro format_row(row, column_name_to_data_types) -%}
    {%- set cells = {} -%}
    {%- for given, value in row.items() -%}
        {%- set name = given | lower -%}
        {%- if name not in column_name_to_data_types -%}
            {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
            {%- do exceptions.raise_compiler_error(
                "Invalid column name: '" ~ name ~ "' in unit test fixture for " ~ fixture ~ '.'
                ~ '\nAccepted columns for ' ~ fixture ~ ' are: ' ~ column_name_to_data_types.keys() | list
            ) -%}
        {%- endif -%}
        {%- set type = column_name_to_data_types[name] -%}
        {%- if value is string -%}
            {#- A length would cut the value off in silence. -#}
            {%- set type = type.split('(')[0] if 'varying' in type else type -%}
            {%- set literal = dbt.string_literal(dbt.escape_single_quotes(value)) -%}
        {%- else -%}
            {%- set literal = 'null' if value is none else value -%}
        {%- endif -%}
        {%- do cells.update({name: safe_cast(literal, type)}) -%}
    {%- endfor -%}
    {{ return(cells) }}
{%- endmacro %}

{# For projects and databases that accept only some rows. #}
{% macro validate_fixture_rows(rows, row_number) -%}
    {{ return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) }}
{%- endmacro %}

{% macro default__validate_fixture_rows(rows, row_number) -%}
{%- endmacro %}

{% materialization unit, default %}
    {%- set header = config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS else none -%}
    {%- set rows = config.get('expected_rows') or [] -%}
    {%- set scratch = make_temp_relation(this.incorporate(type='table')) -%}
    {%- set named = rows[0].keys() | list if rows else get_columns_in_query(sql) -%}
    {%- do run_query(get_create_table_as_sql(true, scratch, get_empty_subquery_sql(sql))) -%}

    {%- set types = {} -%}
    {%- set quoted = {} -%}
    {%- for column in adapter.get_columns_in_relation(scratch) -%}
        {%- do types.update({column.name | lower: column.data_type}) -%}
        {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}
    {%- set names = [] -%}
    {%- for name in named -%}
        {%- do names.append(quoted[name | lower]) -%}
    {%- endfor -%}
    {%- set expected = config.get('expected_sql') or get_expected_sql(rows, types, quoted) -%}

    {%- call statement('main', fetch_result=true) -%}
        {{ header or '' }}
        {{ get_unit_test_sql(sql, expected, names) }}
    {%- endcall -%}
    {%- do adapter.drop_relation(scratch) -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}
