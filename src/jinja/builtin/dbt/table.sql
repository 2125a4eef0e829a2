{% macro get_create_table_as_sql(temporary, relation, sql) -%}
    {{ return(adapter.dispatch('get_create_table_as_sql', 'dbt')(temporary, relation, sql)) }}
{%- endmacro %}

{% macro default__get_create_table_as_sql(temporary, relation, sql) -%}
    {{ return(create_table_as(temporary, relation, sql)) }}
{%- endmacro %}

{% macro create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- set build = adapter.dispatch('create_table_as', 'dbt') -%}
    {#- Implementations written before there were other languages take three arguments. -#}
    {%- if language == 'sql' -%}
        {{ return(build(temporary, relation, compiled_code)) }}
    {%- endif -%}
    {{ return(build(temporary, relation, compiled_code, language)) }}
{%- endmacro %}

{% macro default__create_table_as(temporary, relation, sql) -%}
    {%- set header = config.get('sql_header', none) -%}
    {%- set enforced = config.get('contract').enforced and not temporary -%}
    {{ header if header is not none }}
    create {{ 'temporary ' if temporary }}table {{ relation.include(database=(not temporary), schema=(not temporary)) }}
    {% if enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
        {{ get_table_columns_and_constraints() }}
    {%- endif %}
    as (
        {{ get_select_subquery(sql) if enforced else sql }}
    );
{%- endmacro %}

{# The columns of the contract, in its order. #}
{% macro default__get_column_names() %}
    {%- set names = [] -%}
    {%- for column in model['columns'].values() -%}
        {%- do names.append(adapter.quote(column['name']) if column.get('quote') else column['name']) -%}
    {%- endfor -%}
    {{ names | join(', ') }}
{% endmacro %}

{% macro get_select_subquery(sql) %}
    {{ return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) }}
{% endmacro %}

{% macro default__get_select_subquery(sql) %}
    select {{ adapter.dispatch('get_column_names', 'dbt')() }}
    from (
        {{ sql }}
    ) as model_subq
{%- endmacro %}

{% macro drop_table(relation) -%}
    {{ return(adapter.dispatch('drop_table', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__drop_table(relation) -%}
    drop table if exists {{ relation.render() }} cascade
{%- endmacro %}

{% macro get_rename_table_sql(relation, new_name) %}
    {{ return(adapter.dispatch('get_rename_table_sql', 'dbt')(relation, new_name)) }}
{% endmacro %}

{% macro default__get_rename_table_sql(relation, new_name) %}
    {%- do exceptions.raise_compiler_error('get_rename_table_sql has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{% macro get_replace_table_sql(relation, sql) %}
    {{ return(adapter.dispatch('get_replace_table_sql', 'dbt')(relation, sql)) }}
{% endmacro %}

{% macro default__get_replace_table_sql(relation, sql) %}
    {%- do exceptions.raise_compiler_error('get_replace_table_sql has no implementation for ' ~ adapter.type()) -%}
{% endmacro %}

{# Built beside the old table, then put in its place. #}
{% materialization table, default %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set staged = make_intermediate_relation(target) -%}
    {%- set backup = make_backup_relation(target, 'table' if existing is none else existing.type) -%}
    {%- set grants = config.get('grants') -%}

    {%- do drop_relation_if_exists(load_cached_relation(staged)) -%}
    {%- do drop_relation_if_exists(load_cached_relation(backup)) -%}
    {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
    {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

    {%- call statement('main') -%}
        {{ get_create_table_as_sql(false, staged, sql) }}
    {%- endcall -%}
    {%- do create_indexes(staged) -%}

    {#- A hook or the query may have dropped what was there. -#}
    {%- set replaced = load_cached_relation(existing) if existing is not none else none -%}
    {%- if replaced is not none -%}
        {%- do adapter.rename_relation(replaced, backup) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(staged, target) -%}

    {%- do run_hooks(post_hooks, inside_transaction=true) -%}
    {%- do apply_grants(target, grants, should_revoke=should_revoke(replaced, full_refresh_mode=true)) -%}
    {%- do persist_docs(target, model) -%}
    {%- do adapter.commit() -%}
    {%- do drop_relation_if_exists(backup) -%}
    {%- do run_hooks(post_hooks, inside_transaction=false) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
