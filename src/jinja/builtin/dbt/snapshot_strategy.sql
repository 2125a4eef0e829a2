{# How a snapshot tells that a row has changed. #}

{# The macro of a strategy: `name`, or `package.name`. #}
{% macro strategy_dispatch(name) -%}
    {%- set parts = name.split('.', 1) -%}
    {%- set package = parts[0] if parts | length == 2 else none -%}
    {%- set macro_name = 'snapshot_' ~ parts[-1] ~ '_strategy' -%}
    {%- if package is not none and package not in context -%}
        {%- do exceptions.raise_compiler_error('the snapshot strategy `' ~ name ~ '` names the package `' ~ package ~ '`, which there is not') -%}
    {%- endif -%}
    {%- set place = context if package is none else context[package] -%}
    {%- if macro_name not in place -%}
        {%- do exceptions.raise_compiler_error('the snapshot strategy `' ~ name ~ '` wants a macro `' ~ macro_name ~ '`, which there is not') -%}
    {%- endif -%}
    {{ return(place[macro_name]) }}
{%- endmacro %}

{% macro snapshot_hash_arguments(args) -%}
    {{ return(adapter.dispatch('snapshot_hash_arguments', 'dbt')(args)) }}
{%- endmacro %}

{% macro default__snapshot_hash_arguments(args) -%}
    md5({% for arg in args -%}
        coalesce(cast({{ arg }} as varchar ), '')
        {{ " || '|' || " if not loop.last }}
    {%- endfor %})
{%- endmacro %}

{% macro snapshot_string_as_time(timestamp) -%}
    {{ return(adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp)) }}
{%- endmacro %}

{% macro default__snapshot_string_as_time(timestamp) -%}
    {%- do exceptions.raise_not_implemented('snapshot_string_as_time has no implementation for ' ~ adapter.type()) -%}
{%- endmacro %}

{# What every strategy gives back. #}
{% macro _snapshot_strategy(updated_at, row_changed) -%}
    {%- set key = config.get('unique_key') -%}
    {%- set hard_deletes = adapter.get_hard_deletes_behavior(config) -%}
    {{ return({
        'unique_key': key,
        'updated_at': updated_at,
        'row_changed': row_changed,
        'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
        'invalidate_hard_deletes': hard_deletes == 'invalidate',
        'hard_deletes': hard_deletes,
    }) }}
{%- endmacro %}

{# Compared with the time from which the recorded row is valid: the snapshot may have used another strategy before. #}
{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set updated_at = config.get('updated_at') -%}
    {%- set changed = '(' ~ snapshotted_rel ~ '.' ~ columns.dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')' -%}
    {{ return(_snapshot_strategy(updated_at, changed)) }}
{% endmacro %}

{# Whether the query has columns that the snapshot lacks, and the quoted names of those that both have. #}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
    {%- if not target_exists -%}
        {{ return((false, none)) }}
    {%- endif -%}
    {%- if check_cols_config == 'all' -%}
        {%- set checked = get_columns_in_query(node['compiled_code']) -%}
    {%- elif check_cols_config is iterable and check_cols_config is not string and check_cols_config -%}
        {#- Asked of the database, which knows how it spells them. -#}
        {%- set checked = get_columns_in_query(
            'select ' ~ check_cols_config | join(', ') ~ ' from (\n' ~ node['compiled_code'] ~ '\n) subq'
        ) -%}
    {%- else -%}
        {%- do exceptions.raise_compiler_error("Invalid value for 'check_cols': " ~ check_cols_config) -%}
    {%- endif -%}
    {%- set snapshot = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
    {%- set there = adapter.get_columns_in_relation(snapshot) | map(attribute='name') | list -%}
    {%- set both = [] -%}
    {%- for name in checked if name in there -%}
        {%- do both.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {{ return((both | length < checked | length, both)) }}
{%- endmacro %}

{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
    {%- set updated_at = config.get('updated_at') or snapshot_get_time() -%}
    {%- set column_added, names = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
    {%- set differences = [] -%}
    {%- for name in names or [] -%}
        {%- set old = snapshotted_rel ~ '.' ~ name -%}
        {%- set new = current_rel ~ '.' ~ name -%}
        {%- do differences.append(
            old ~ ' != ' ~ new ~ ' or ((('
            ~ old ~ ' is null) and not (' ~ new ~ ' is null)) or ((not '
            ~ old ~ ' is null) and (' ~ new ~ ' is null)))'
        ) -%}
    {%- endfor -%}
    {%- set changed = '(' ~ (get_true_sql() | trim if column_added else differences | join(' or ')) ~ ')' -%}
    {{ return(_snapshot_strategy(updated_at, changed)) }}
{% endmacro %}
