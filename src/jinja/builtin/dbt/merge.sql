{# Statements that bring the rows of one relation into another. #}

{% macro get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {#- `predicates` is the argument's older name. -#}
    {%- set conditions = kwargs.get('predicates', incremental_predicates) -%}
    {{ return(adapter.dispatch('get_merge_sql', 'dbt')(target, source, unique_key, dest_columns, conditions)) }}
{%- endmacro %}

{% macro get_merge_unique_key_match(source_unique_key, target_unique_key) %}
    {{ return(adapter.dispatch('get_merge_unique_key_match', 'dbt')(source_unique_key, target_unique_key)) }}
{% endmacro %}

{% macro default__get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
    {{ return(equals(source_unique_key, target_unique_key) | trim) }}
{%- endmacro %}

{% macro default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {%- set conditions = [] + (incremental_predicates or []) -%}
    {%- if not unique_key -%}
        {%- do conditions.append('FALSE') -%}
    {%- elif unique_key is string -%}
        {%- do conditions.append(get_merge_unique_key_match('DBT_INTERNAL_SOURCE.' ~ unique_key, 'DBT_INTERNAL_DEST.' ~ unique_key)) -%}
    {%- else -%}
        {%- for key in unique_key -%}
            {%- do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
    {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
    {%- set header = config.get('sql_header', none) -%}
    {{ header if header is not none }}
    merge into {{ target }} as DBT_INTERNAL_DEST
        using {{ source }} as DBT_INTERNAL_SOURCE
        on ({{ conditions | join(') and (') }})
    {% if unique_key -%}
    when matched then update set
        {% for name in updated -%}
            {{ name }} = DBT_INTERNAL_SOURCE.{{ name }}{{ ', ' if not loop.last }}
        {%- endfor %}
    {% endif -%}
    when not matched then insert
        ({{ names }})
    values
        ({{ names }})
{% endmacro %}

{# The quoted names of the columns that a merge updates. #}
{% macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
    {{ return(adapter.dispatch('get_merge_update_columns', 'dbt')(merge_update_columns, merge_exclude_columns, dest_columns)) }}
{% endmacro %}

{% macro default__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
    {%- if merge_update_columns and merge_exclude_columns -%}
        {%- do exceptions.raise_compiler_error('a model takes `merge_update_columns` or `merge_exclude_columns`, not both') -%}
    {%- elif merge_update_columns -%}
        {{ return(merge_update_columns) }}
    {%- endif -%}
    {%- set excluded = (merge_exclude_columns or []) | map('lower') | list -%}
    {%- set names = [] -%}
    {%- for column in dest_columns if column.column | lower not in excluded -%}
        {%- do names.append(column.quoted) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}

{% macro get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {{ return(adapter.dispatch('get_delete_insert_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates)) }}
{%- endmacro %}

{% macro default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
    {%- if unique_key -%}
        {%- set key = unique_key if unique_key is string else unique_key | join(', ') -%}
        delete from {{ target }} as DBT_INTERNAL_DEST
        where ({{ key }}) in (
            select distinct {{ key }}
            from {{ source }} as DBT_INTERNAL_SOURCE
        )
        {%- for predicate in incremental_predicates or [] %}
            and {{ predicate }}
        {%- endfor -%};
    {% endif %}
    insert into {{ target }} ({{ names }})
    (
        select {{ names }}
        from {{ source }}
    )
{%- endmacro %}

{% macro get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header=false) -%}
    {{ return(adapter.dispatch('get_insert_overwrite_merge_sql', 'dbt')(target, source, dest_columns, predicates, include_sql_header)) }}
{%- endmacro %}

{% macro default__get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header) -%}
    {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
    {%- set header = config.get('sql_header', none) if include_sql_header else none -%}
    {{ header if header is not none }}
    merge into {{ target }} as DBT_INTERNAL_DEST
        using {{ source }} as DBT_INTERNAL_SOURCE
        on FALSE
    when not matched by source
        {{ 'and ' ~ predicates | join(' and ') if predicates }}
        then delete
    when not matched then insert
        ({{ names }})
    values
        ({{ names }})
{% endmacro %}
