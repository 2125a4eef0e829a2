{% macro get_create_view_as_sql(relation, sql) -%}
    {{ return(adapter.dispatch('get_create_view_as_sql', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_view_as_sql(relation, sql) -%}
    {{ return(create_view_as(relation, sql)) }}
{%- endmacro %}

{% macro create_view_as(relation, sql) -%}
    {{ return(adapter.dispatch('create_view_as', 'dbt')(relation, sql)) }}
{%- endmacro %}

{% macro default__create_view_as(relation, sql) -%}
    {%- set header = config.get('sql_header', none) -%}
    {{ header if header is not none }}
    create view {{ relation.render() }}
    {% if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif %}
    as (
        {{ sql }}
    );
{%- endmacro %}

{% macro drop_view(relation) -%}
    {{ return(adapter.dispatch('drop_view', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__drop_view(relation) -%}
    drop view if exists {{ relation.render() }} cascade
{%- endmacro %}

{% macro get_rename_view_sql(relation, new_name) %}
    {{ return(adapter.dispatch('get_rename_view_sql', 'dbt')(relation, new_name)) }}
{% endmacro %}

{% macro default__get_rename_view_sql(relation, new_name) %}
    {%- do exceptions.raise_compiler_error('get_rename_view_sql has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{% macro get_replace_view_sql(relation, sql) %}
    {{ return(adapter.dispatch('get_replace_view_sql', 'dbt')(relation, sql)) }}
{% endmacro %}

{% macro default__get_replace_view_sql(relation, sql) %}
    {%- do exceptions.raise_compiler_error('get_replace_view_sql has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{# A whole materialization for databases whose views can be replaced whatever their columns. #}
{% macro create_or_replace_view() %}
    {%- set there = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
    {%- set target = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type='view') -%}
    {%- set is_view = there is not none and there.is_view -%}

    {%- do run_hooks(pre_hooks) -%}
    {%- if there is not none and there.is_table -%}
        {%- do handle_existing_table(should_full_refresh(), there) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        {{ get_create_view_as_sql(target, sql) }}
    {%- endcall -%}
    {%- do apply_grants(target, config.get('grants'), should_revoke=should_revoke(is_view, full_refresh_mode=true)) -%}
    {%- do run_hooks(post_hooks) -%}
    {{ return({'relations': [target]}) }}
{% endmacro %}

{% macro handle_existing_table(full_refresh, old_relation) %}
    {{ return(adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation)) }}
{% endmacro %}

{% macro default__handle_existing_table(full_refresh, old_relation) %}
    {%- do log('dropping ' ~ old_relation.render() ~ ', a ' ~ old_relation.type ~ ', to make a view') -%}
    {%- do adapter.drop_relation(old_relation) -%}
{% endmacro %}

{% materialization view, default %}
    {%- set target = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set staged = make_intermediate_relation(target) -%}
    {#- What stands in the way is renamed first, and so keeps its own type until it is dropped. -#}
    {%- set backup = make_backup_relation(target, 'view' if existing is none else existing.type) -%}
    {%- set grants = config.get('grants') -%}

    {%- set left_over = [load_cached_relation(staged), load_cached_relation(backup)] -%}
    {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
    {%- for relation in left_over -%}
        {%- do drop_relation_if_exists(relation) -%}
    {%- endfor -%}
    {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

    {%- call statement('main') -%}
        {{ get_create_view_as_sql(staged, sql) }}
    {%- endcall -%}

    {#- A hook may have dropped what was there. -#}
    {%- set replaced = load_cached_relation(existing) if existing is not none else none -%}
    {%- if replaced is not none -%}
        {%- do adapter.rename_relation(replaced, backup) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(staged, target) -%}

    {%- do apply_grants(target, grants, should_revoke=should_revoke(replaced, full_refresh_mode=true)) -%}
    {%- do persist_docs(target, model) -%}
    {%- do run_hooks(post_hooks, inside_transaction=true) -%}
    {%- do adapter.commit() -%}
    {%- do drop_relation_if_exists(backup) -%}
    {%- do run_hooks(post_hooks, inside_transaction=false) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
