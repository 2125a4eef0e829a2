{# What an incremental model does when its query has other columns than its table: `on_schema_change`. #}

{% macro incremental_validate_on_schema_change(on_schema_change, default='ignore') %}
    {%- if on_schema_change in ('ignore', 'append_new_columns', 'sync_all_columns', 'fail') -%}
        {{ return(on_schema_change) }}
    {%- endif -%}
    {%- do log('on_schema_change: `' ~ on_schema_change ~ '` is no choice, `' ~ default ~ '` is in force') -%}
    {{ return(default) }}
{% endmacro %}

{% macro check_for_schema_changes(source_relation, target_relation) %}
    {{ return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) }}
{% endmacro %}

{% macro default__check_for_schema_changes(source_relation, target_relation) %}
    {%- set new = adapter.get_columns_in_relation(source_relation) -%}
    {%- set old = adapter.get_columns_in_relation(target_relation) -%}
    {%- set added = diff_columns(new, old) -%}
    {%- set removed = diff_columns(old, new) -%}
    {%- set retyped = diff_column_data_types(new, old) -%}
    {%- set changes = {
        'schema_changed': added != [] or removed != [] or retyped != [],
        'source_not_in_target': added,
        'target_not_in_source': removed,
        'source_columns': new,
        'target_columns': old,
        'new_target_types': retyped,
    } -%}
    {%- do log('columns of ' ~ target_relation ~ ': new ' ~ added ~ ', gone ' ~ removed ~ ', retyped ' ~ retyped) -%}
    {{ return(changes) }}
{% endmacro %}

{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
    {{ return(adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict)) }}
{% endmacro %}

{% macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
    {%- set whole = on_schema_change == 'sync_all_columns' -%}
    {%- set added = schema_changes_dict['source_not_in_target'] if whole or on_schema_change == 'append_new_columns' else [] -%}
    {%- set removed = schema_changes_dict['target_not_in_source'] if whole else [] -%}
    {%- set retyped = schema_changes_dict['new_target_types'] if whole else [] -%}
    {%- if added or removed -%}
        {%- do alter_relation_add_remove_columns(target_relation, added, removed if whole else none) -%}
    {%- endif -%}
    {%- for change in retyped -%}
        {%- do alter_column_type(target_relation, change['column_name'], change['new_type']) -%}
    {%- endfor -%}
    {%- do log(on_schema_change ~ ' on ' ~ target_relation ~ ': added ' ~ added ~ ', removed ' ~ removed ~ ', retyped ' ~ retyped) -%}
{% endmacro %}

{# The columns to write; nothing where the table's own are to be used. #}
{% macro process_schema_changes(on_schema_change, source_relation, target_relation) %}
    {{ return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) }}
{% endmacro %}

{% macro default__process_schema_changes(on_schema_change, source_relation, target_relation) %}
    {%- if on_schema_change == 'ignore' -%}
        {{ return({}) }}
    {%- endif -%}
    {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
    {%- if changes['schema_changed'] and on_schema_change == 'fail' -%}
        {%- do exceptions.raise_compiler_error(
            'the query of this incremental model and its table have different columns. New in the query: '
            ~ changes['source_not_in_target'] ~ '; gone from it: ' ~ changes['target_not_in_source']
            ~ '; of another type: ' ~ changes['new_target_types']
            ~ '. Set `on_schema_change` to append_new_columns or sync_all_columns, run with --full-refresh, or alter the table'
        ) -%}
    {%- elif changes['schema_changed'] -%}
        {%- do sync_column_schemas(on_schema_change, target_relation, changes) -%}
    {%- endif -%}
    {{ return(changes['source_columns']) }}
{% endmacro %}
