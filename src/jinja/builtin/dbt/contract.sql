{# Contracts: the columns and constraints that a model promises. #}

{% macro get_table_columns_and_constraints() -%}
    {{ return(adapter.dispatch('get_table_columns_and_constraints', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_table_columns_and_constraints() -%}
    {{ return(table_columns_and_constraints()) }}
{%- endmacro %}

{# The parenthesis of a CREATE TABLE. #}
{% macro table_columns_and_constraints() %}
    {%- set of_columns = adapter.render_raw_columns_constraints(raw_columns=model['columns']) -%}
    {%- set of_model = adapter.render_raw_model_constraints(raw_constraints=model['constraints']) -%}
    (
    {{ (of_columns + of_model) | join(',\n') }}
    )
{% endmacro %}

{% macro get_assert_columns_equivalent(sql) -%}
    {{ return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) }}
{%- endmacro %}

{% macro default__get_assert_columns_equivalent(sql) -%}
    {{ return(assert_columns_equivalent(sql)) }}
{%- endmacro %}

{# Raises an error where the query's columns are not the described ones, in name and type; their order is free. #}
{% macro assert_columns_equivalent(sql) %}
    {%- if not model['columns'] -%}
        {%- do exceptions.raise_contract_error([], []) -%}
    {%- endif -%}
    {%- set of_query = format_columns(get_column_schema_from_query(sql, config.get('sql_header', none))) -%}
    {%- set promised = format_columns(get_column_schema_from_query(get_empty_schema_sql(model['columns']))) -%}
    {%- set types = {} -%}
    {%- for column in promised -%}
        {%- do types.update({column['name']: column['formatted']}) -%}
    {%- endfor -%}
    {%- if of_query | length != promised | length -%}
        {%- do exceptions.raise_contract_error(promised, of_query) -%}
    {%- endif -%}
    {%- for column in of_query if types.get(column['name']) != column['formatted'] -%}
        {%- do exceptions.raise_contract_error(promised, of_query) -%}
    {%- endfor -%}
{% endmacro %}

{% macro format_columns(columns) %}
    {%- set formatted = [] -%}
    {%- for column in columns -%}
        {%- do formatted.append(adapter.dispatch('format_column', 'dbt')(column)) -%}
    {%- endfor -%}
    {{ return(formatted) }}
{% endmacro %}

{% macro default__format_column(column) -%}
    {{ return({
        'name': column.name,
        'data_type': column.dtype,
        'formatted': column.column | lower ~ ' ' ~ column.dtype,
    }) }}
{%- endmacro %}
