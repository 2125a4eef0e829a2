{# Statements that create, drop, rename and replace a relation of any type. #}

{% macro get_create_sql(relation, sql) -%}
    {%- do log('create: ' ~ relation) -%}
    {{ return(adapter.dispatch('get_create_sql', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_sql(relation, sql) -%}
    {%- if relation.is_table -%}
        {{ get_create_table_as_sql(false, relation, sql) }}
    {%- elif relation.is_view -%}
        {{ get_create_view_as_sql(relation, sql) }}
    {%- elif relation.is_materialized_view -%}
        {{ get_create_materialized_view_as_sql(relation, sql) }}
    {%- else -%}
        {%- do exceptions.raise_compiler_error('get_create_sql: relations of the type `' ~ relation.type ~ '` cannot be created') -%}
    {%- endif -%}
{%- endmacro %}

{% macro get_drop_sql(relation) -%}
    {%- do log('drop: ' ~ relation) -%}
    {{ return(adapter.dispatch('get_drop_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_drop_sql(relation) -%}
    {%- if relation.is_table -%}
        {{ drop_table(relation) }}
    {%- elif relation.is_view -%}
        {{ drop_view(relation) }}
    {%- elif relation.is_materialized_view -%}
        {{ drop_materialized_view(relation) }}
    {%- else -%}
        drop {{ relation.type }} if exists {{ relation.render() }} cascade
    {%- endif -%}
{%- endmacro %}

{% macro get_rename_sql(relation, new_name) -%}
    {%- do log('rename: ' ~ relation) -%}
    {{ return(adapter.dispatch('get_rename_sql', 'dbt')(relation, new_name)) }}
{%- endmacro %}

{% macro default__get_rename_sql(relation, new_name) -%}
    {%- if relation.is_table -%}
        {{ get_rename_table_sql(relation, new_name) }}
    {%- elif relation.is_view -%}
        {{ get_rename_view_sql(relation, new_name) }}
    {%- elif relation.is_materialized_view -%}
        {{ get_rename_materialized_view_sql(relation, new_name) }}
    {%- else -%}
        {%- do exceptions.raise_compiler_error('get_rename_sql: relations of the type `' ~ relation.type ~ '` cannot be renamed') -%}
    {%- endif -%}
{%- endmacro %}

{% macro get_create_backup_sql(relation) -%}
    {%- do log('create backup: ' ~ relation) -%}
    {{ return(adapter.dispatch('get_create_backup_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_create_backup_sql(relation) -%}
    {%- set backup = make_backup_relation(relation, relation.type) -%}
    {{ get_drop_sql(backup) }};
    {{ get_rename_sql(relation, backup.identifier) }}
{%- endmacro %}

{% macro get_drop_backup_sql(relation) -%}
    {%- do log('drop backup: ' ~ relation) -%}
    {{ return(adapter.dispatch('get_drop_backup_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_drop_backup_sql(relation) -%}
    {{ get_drop_sql(make_backup_relation(relation, relation.type)) }}
{%- endmacro %}

{% macro get_create_intermediate_sql(relation, sql) -%}
    {%- do log('create intermediate: ' ~ relation) -%}
    {{ return(adapter.dispatch('get_create_intermediate_sql', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_intermediate_sql(relation, sql) -%}
    {%- set staged = make_intermediate_relation(relation) -%}
    {{ get_drop_sql(staged) }};
    {{ get_create_sql(staged, sql) }}
{%- endmacro %}

{% macro get_rename_intermediate_sql(relation) -%}
    {%- do log('rename intermediate: ' ~ relation) -%}
    {{ return(adapter.dispatch('get_rename_intermediate_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_rename_intermediate_sql(relation) -%}
    {{ get_rename_sql(make_intermediate_relation(relation), relation.identifier) }}
{%- endmacro %}

{% macro get_replace_sql(existing_relation, target_relation, sql) %}
    {%- do log('replace: ' ~ existing_relation) -%}
    {{ return(adapter.dispatch('get_replace_sql', 'dbt')(existing_relation, target_relation, sql)) }}
{% endmacro %}

{# In place where the database can; otherwise as safely as renaming allows. #}
{% macro default__get_replace_sql(existing_relation, target_relation, sql) %}
    {%- set in_place = existing_relation.can_be_replaced and existing_relation.type == target_relation.type -%}
    {%- if in_place and existing_relation.is_table -%}
        {{ get_replace_table_sql(target_relation, sql) }}
    {%- elif in_place and existing_relation.is_view -%}
        {{ get_replace_view_sql(target_relation, sql) }}
    {%- elif in_place and existing_relation.is_materialized_view -%}
        {{ get_replace_materialized_view_sql(target_relation, sql) }}
    {%- else -%}
        {%- set steps = [] -%}
        {%- set staged = target_relation.can_be_renamed -%}
        {%- set kept = existing_relation.can_be_renamed -%}
        {%- if staged -%}
            {%- do steps.append(get_create_intermediate_sql(target_relation, sql)) -%}
        {%- endif -%}
        {%- do steps.append(get_create_backup_sql(existing_relation) if kept else get_drop_sql(existing_relation)) -%}
        {%- do steps.append(get_rename_intermediate_sql(target_relation) if staged else get_create_sql(target_relation, sql)) -%}
        {%- if kept -%}
            {%- do steps.append(get_drop_backup_sql(existing_relation)) -%}
        {%- endif -%}
        {{ steps | join(';\n') }}
    {%- endif -%}
{% endmacro %}
