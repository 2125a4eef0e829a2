{# Columns of relations and of queries. #}

{% macro get_columns_in_relation(relation) -%}
    {{ return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_columns_in_relation(relation) -%}
    {%- do exceptions.raise_not_implemented('get_columns_in_relation has no implementation for ' ~ adapter.type()) -%}
{%- endmacro %}

{# A column for each row: name, type, length, precision, scale. #}
{% macro sql_convert_columns_in_relation(table) -%}
    {%- set columns = [] -%}
    {%- for row in table -%}
        {%- do columns.append(api.Column(*row)) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{% macro get_list_of_column_names(columns) -%}
    {{ return(columns | map(attribute='name') | list) }}
{%- endmacro %}

{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
    {{ return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) }}
{%- endmacro %}

{# The columns of a query and none of its rows. #}
{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) %}
    {{ select_sql_header if select_sql_header is not none }}
    select * from (
        {{ select_sql }}
    ) as __dbt_sbq
    where false
    limit 0
{% endmacro %}

{% macro get_empty_schema_sql(columns) -%}
    {{ return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) }}
{%- endmacro %}

{# One row of nulls, typed as the described columns are. #}
{% macro default__get_empty_schema_sql(columns) %}
    {%- set untyped = [] -%}
    {%- set unscaled = [] -%}
    {%- set nulls = [] -%}
    {%- for column in columns.values() -%}
        {%- if column['data_type'] is not defined or column['data_type'] is none -%}
            {%- do untyped.append(column['name']) -%}
        {%- else -%}
            {%- if column['data_type'] | trim | lower in ('numeric', 'decimal', 'number') -%}
                {%- do unscaled.append(column['name']) -%}
            {%- endif -%}
            {%- set name = adapter.quote(column['name']) if column.get('quote') else column['name'] -%}
            {%- do nulls.append((cast('null', column['data_type']) | trim) ~ ' as ' ~ name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if untyped -%}
        {%- do exceptions.column_type_missing(column_names=untyped) -%}
    {%- endif -%}
    {%- if unscaled -%}
        {%- do exceptions.warn('these columns are numeric without precision and scale, so that values may be rounded: ' ~ unscaled | join(', ')) -%}
    {%- endif -%}
    select
    {{ nulls | join(',\n') }}
{% endmacro %}

{% macro get_column_schema_from_query(select_sql, select_sql_header=none) -%}
    {{ return(adapter.get_column_schema_from_query(get_empty_subquery_sql(select_sql, select_sql_header))) }}
{%- endmacro %}

{% macro get_columns_in_query(select_sql) -%}
    {{ return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) }}
{%- endmacro %}

{% macro default__get_columns_in_query(select_sql) %}
    {%- call statement('get_columns_in_query', fetch_result=true, auto_begin=false) -%}
        {{ get_empty_subquery_sql(select_sql) }}
    {%- endcall -%}
    {{ return(load_result('get_columns_in_query').table.columns | map(attribute='name') | list) }}
{% endmacro %}

{% macro get_quoted_csv(column_names) %}
    {%- set quoted = [] -%}
    {%- for name in column_names -%}
        {%- do quoted.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {{ return(quoted | join(', ')) }}
{% endmacro %}

{# The columns of the first list that the second lacks, by name. #}
{% macro diff_columns(source_columns, target_columns) %}
    {%- set there = target_columns | map(attribute='column') | list -%}
    {%- set missing = [] -%}
    {%- for column in source_columns if column.name not in there -%}
        {%- do missing.append(column) -%}
    {%- endfor -%}
    {{ return(missing) }}
{% endmacro %}

{% macro diff_column_data_types(source_columns, target_columns) %}
    {{ return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) }}
{% endmacro %}

{% macro default__diff_column_data_types(source_columns, target_columns) %}
    {%- set changed = [] -%}
    {%- for new in source_columns -%}
        {%- for old in target_columns if old.name == new.name -%}
            {%- if loop.first and new.expanded_data_type != old.expanded_data_type and not new.can_expand_to(other_column=old) -%}
                {%- do changed.append({'column_name': old.name, 'new_type': new.expanded_data_type}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(changed) }}
{% endmacro %}

{% macro alter_column_type(relation, column_name, new_column_type) -%}
    {{ return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) }}
{%- endmacro %}

{# The values move to a new column, which then takes the old one's name. #}
{% macro default__alter_column_type(relation, column_name, new_column_type) -%}
    {%- set table = relation.render() -%}
    {%- set old = adapter.quote(column_name) -%}
    {%- set new = adapter.quote(column_name ~ '__dbt_alter') -%}
    {%- call statement('alter_column_type') -%}
        alter table {{ table }} add column {{ new }} {{ new_column_type }};
        update {{ table }} set {{ new }} = {{ old }};
        alter table {{ table }} drop column {{ old }} cascade;
        alter table {{ table }} rename column {{ new }} to {{ old }}
    {%- endcall -%}
{%- endmacro %}

{% macro alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) -%}
    {{ return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) }}
{%- endmacro %}

{% macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
    {%- set actions = [] -%}
    {%- for column in add_columns or [] -%}
        {%- do actions.append('add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) -%}
    {%- endfor -%}
    {%- for column in remove_columns or [] -%}
        {%- do actions.append('drop column ' ~ column.quoted) -%}
    {%- endfor -%}
    {%- do run_query('alter ' ~ relation.type ~ ' ' ~ relation.render() ~ ' ' ~ actions | join(', ')) -%}
{% endmacro %}
