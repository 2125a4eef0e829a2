{# Incremental models: the strategies' SQL, and the materialization. #}

{% macro get_incremental_append_sql(arg_dict) %}
    {{ return(adapter.dispatch('get_incremental_append_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_append_sql(arg_dict) %}
    {{ return(get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns'])) }}
{% endmacro %}

{% macro get_incremental_delete_insert_sql(arg_dict) %}
    {{ return(adapter.dispatch('get_incremental_delete_insert_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_delete_insert_sql(arg_dict) %}
    {{ return(get_delete_insert_merge_sql(
        arg_dict['target_relation'],
        arg_dict['temp_relation'],
        arg_dict['unique_key'],
        arg_dict['dest_columns'],
        arg_dict['incremental_predicates']
    )) }}
{% endmacro %}

{% macro get_incremental_merge_sql(arg_dict) %}
    {{ return(adapter.dispatch('get_incremental_merge_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_merge_sql(arg_dict) %}
    {{ return(get_merge_sql(
        arg_dict['target_relation'],
        arg_dict['temp_relation'],
        arg_dict['unique_key'],
        arg_dict['dest_columns'],
        arg_dict['incremental_predicates']
    )) }}
{% endmacro %}

{% macro get_incremental_insert_overwrite_sql(arg_dict) %}
    {{ return(adapter.dispatch('get_incremental_insert_overwrite_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_insert_overwrite_sql(arg_dict) %}
    {{ return(get_insert_overwrite_merge_sql(
        arg_dict['target_relation'],
        arg_dict['temp_relation'],
        arg_dict['dest_columns'],
        arg_dict['incremental_predicates']
    )) }}
{% endmacro %}

{% macro get_incremental_default_sql(arg_dict) %}
    {{ return(adapter.dispatch('get_incremental_default_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_default_sql(arg_dict) %}
    {{ return(get_incremental_append_sql(arg_dict)) }}
{% endmacro %}

{% macro get_incremental_microbatch_sql(arg_dict) %}
    {{ return(adapter.dispatch('get_incremental_microbatch_sql', 'dbt')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_microbatch_sql(arg_dict) %}
    {%- do exceptions.raise_not_implemented('the strategy microbatch has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{% macro get_insert_into_sql(target_relation, temp_relation, dest_columns) %}
    {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
    insert into {{ target_relation }} ({{ names }})
    (
        select {{ names }}
        from {{ temp_relation }}
    )
{% endmacro %}

{% materialization incremental, default %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set delta = make_temp_relation(target) -%}
    {%- set staged = make_intermediate_relation(target) -%}
    {%- set backup = make_backup_relation(target, 'table' if existing is none else existing.type) -%}
    {%- set on_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- set grants = config.get('grants') -%}
    {#- A view of the same name gives way to the table. -#}
    {%- set rebuilds = should_full_refresh() or (existing is not none and existing.is_view) -%}

    {%- do drop_relation_if_exists(load_cached_relation(staged)) -%}
    {%- do drop_relation_if_exists(load_cached_relation(backup)) -%}
    {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
    {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
    {%- if existing is none -%}
        {%- set built = target -%}
        {%- set build = get_create_table_as_sql(false, target, sql) -%}
    {%- elif rebuilds -%}
        {%- set built = staged -%}
        {%- set build = get_create_table_as_sql(false, staged, sql) -%}
    {%- else -%}
        {%- do run_query(get_create_table_as_sql(true, delta, sql)) -%}
        {%- if not config.get('contract').enforced -%}
            {%- do adapter.expand_target_column_types(from_relation=delta, to_relation=target) -%}
        {%- endif -%}
        {%- set columns = process_schema_changes(on_change, delta, existing) -%}
        {%- set build = strategy({
            'target_relation': target,
            'temp_relation': delta,
            'unique_key': config.get('unique_key'),
            'dest_columns': columns or adapter.get_columns_in_relation(existing),
            'incremental_predicates': config.get('predicates', none) or config.get('incremental_predicates', none),
        }) -%}
    {%- endif -%}

    {%- call statement('main') -%}
        {{ build }}
    {%- endcall -%}

    {%- if existing is none or rebuilds -%}
        {%- do create_indexes(built) -%}
    {%- endif -%}
    {%- if existing is not none and rebuilds -%}
        {#- The backup has the type of what was there, which may be no table. -#}
        {%- do adapter.rename_relation(target, backup) -%}
        {%- do adapter.rename_relation(staged, target) -%}
    {%- endif -%}

    {%- do apply_grants(target, grants, should_revoke=should_revoke(existing, rebuilds)) -%}
    {%- do persist_docs(target, model) -%}
    {%- do run_hooks(post_hooks, inside_transaction=true) -%}
    {%- do adapter.commit() -%}
    {%- if existing is not none and rebuilds -%}
        {%- do adapter.drop_relation(backup) -%}
    {%- endif -%}
    {%- do run_hooks(post_hooks, inside_transaction=false) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
