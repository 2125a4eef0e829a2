{% macro get_create_materialized_view_as_sql(relation, sql) -%}
    {{ return(adapter.dispatch('get_create_materialized_view_as_sql', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_materialized_view_as_sql(relation, sql) -%}
    {%- do exceptions.raise_compiler_error('get_create_materialized_view_as_sql has no implementation for ' ~ adapter.type()) -%}
{%- endmacro %}

{% macro get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) %}
    {%- do log('alter: ' ~ relation) -%}
    {%- set alter = adapter.dispatch('get_alter_materialized_view_as_sql', 'dbt') -%}
    {{ return(alter(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation)) }}
{% endmacro %}

{% macro default__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) %}
    {%- do exceptions.raise_compiler_error('get_alter_materialized_view_as_sql has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{# What differs between the materialized view and its configuration; none where nothing does. #}
{% macro get_materialized_view_configuration_changes(existing_relation, new_config) %}
    {%- do log('comparing the configuration of ' ~ existing_relation) -%}
    {{ return(adapter.dispatch('get_materialized_view_configuration_changes', 'dbt')(existing_relation, new_config)) }}
{% endmacro %}

{% macro default__get_materialized_view_configuration_changes(existing_relation, new_config) %}
    {%- do exceptions.raise_compiler_error('get_materialized_view_configuration_changes has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{% macro drop_materialized_view(relation) -%}
    {{ return(adapter.dispatch('drop_materialized_view', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__drop_materialized_view(relation) -%}
    drop materialized view if exists {{ relation.render() }} cascade
{%- endmacro %}

{% macro refresh_materialized_view(relation) %}
    {%- do log('refresh: ' ~ relation) -%}
    {{ return(adapter.dispatch('refresh_materialized_view', 'dbt')(relation)) }}
{% endmacro %}

{% macro default__refresh_materialized_view(relation) %}
    {%- do exceptions.raise_compiler_error('refresh_materialized_view has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{% macro get_rename_materialized_view_sql(relation, new_name) %}
    {{ return(adapter.dispatch('get_rename_materialized_view_sql', 'dbt')(relation, new_name)) }}
{% endmacro %}

{% macro default__get_rename_materialized_view_sql(relation, new_name) %}
    {%- do exceptions.raise_compiler_error('get_rename_materialized_view_sql has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{% macro get_replace_materialized_view_sql(relation, sql) %}
    {{ return(adapter.dispatch('get_replace_materialized_view_sql', 'dbt')(relation, sql)) }}
{% endmacro %}

{% macro default__get_replace_materialized_view_sql(relation, sql) %}
    {%- do exceptions.raise_compiler_error('get_replace_materialized_view_sql has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{% macro materialized_view_setup(backup_relation, intermediate_relation, pre_hooks) %}
    {%- do drop_relation_if_exists(load_cached_relation(backup_relation)) -%}
    {%- do drop_relation_if_exists(load_cached_relation(intermediate_relation)) -%}
    {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
{% endmacro %}

{% macro materialized_view_teardown(backup_relation, intermediate_relation, post_hooks) %}
    {%- do drop_relation_if_exists(backup_relation) -%}
    {%- do drop_relation_if_exists(intermediate_relation) -%}
    {%- do run_hooks(post_hooks, inside_transaction=false) -%}
{% endmacro %}

{# The statements to run; an empty text for none. #}
{% macro materialized_view_get_build_sql(existing_relation, target_relation, backup_relation, intermediate_relation) %}
    {%- if existing_relation is none -%}
        {{ return(get_create_materialized_view_as_sql(target_relation, sql)) }}
    {%- elif should_full_refresh() or not existing_relation.is_materialized_view -%}
        {{ return(get_replace_sql(existing_relation, target_relation, sql)) }}
    {%- endif -%}

    {%- set changes = get_materialized_view_configuration_changes(existing_relation, config) -%}
    {%- set reaction = config.get('on_configuration_change') or 'apply' -%}
    {%- set said = 'the configuration of ' ~ target_relation.render() ~ ' has changed, and `on_configuration_change` is ' ~ reaction -%}
    {%- if changes is none -%}
        {{ return(refresh_materialized_view(target_relation)) }}
    {%- elif reaction == 'apply' -%}
        {{ return(get_alter_materialized_view_as_sql(
            target_relation, changes, sql, existing_relation, backup_relation, intermediate_relation
        )) }}
    {%- elif reaction == 'continue' -%}
        {%- do exceptions.warn(said) -%}
        {{ return('') }}
    {%- elif reaction == 'fail' -%}
        {%- do exceptions.raise_fail_fast_error(said) -%}
    {%- endif -%}
    {%- do exceptions.raise_compiler_error('on_configuration_change: `' ~ reaction ~ '` is none of apply, continue, fail') -%}
{% endmacro %}

{% macro materialized_view_execute_no_op(target_relation) %}
    {%- do store_raw_result(name='main', message='skip ' ~ target_relation, code='skip', rows_affected='-1') -%}
{% endmacro %}

{% macro materialized_view_execute_build_sql(build_sql, existing_relation, target_relation, post_hooks) %}
    {%- do run_hooks(pre_hooks, inside_transaction=true) -%}
    {%- call statement(name='main') -%}
        {{ build_sql }}
    {%- endcall -%}
    {%- set revokes = should_revoke(existing_relation, full_refresh_mode=true) -%}
    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=revokes) -%}
    {%- do persist_docs(target_relation, model) -%}
    {%- do run_hooks(post_hooks, inside_transaction=true) -%}
    {%- do adapter.commit() -%}
{% endmacro %}

{% materialization materialized_view, default %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type=this.MaterializedView) -%}
    {%- set staged = make_intermediate_relation(target) -%}
    {%- set backup = make_backup_relation(target, this.MaterializedView if existing is none else existing.type) -%}

    {%- do materialized_view_setup(backup, staged, pre_hooks) -%}
    {%- set build = materialized_view_get_build_sql(existing, target, backup, staged) -%}
    {%- if build -%}
        {%- do materialized_view_execute_build_sql(build, existing, target, post_hooks) -%}
    {%- else -%}
        {%- do materialized_view_execute_no_op(target) -%}
    {%- endif -%}
    {%- do materialized_view_teardown(backup, staged, post_hooks) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
