{# What a data test counts, and its materialization. #}

{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {{ return(adapter.dispatch('get_test_sql', 'dbt')(main_sql, fail_calc, warn_if, error_if, limit)) }}
{%- endmacro %}

{% macro default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    select
        {{ fail_calc }} as failures,
        {{ fail_calc }} {{ warn_if }} as should_warn,
        {{ fail_calc }} {{ error_if }} as should_error
    from (
        {{ main_sql }}
        {{ 'limit ' ~ limit if limit is not none }}
    ) dbt_internal_test
{%- endmacro %}

{% materialization test, default %}
    {%- set failing = get_limit_subquery_sql(sql, config.get('limit')) -%}
    {%- set header = config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS else none -%}
    {%- set kept = [] -%}
    {%- if should_store_failures() -%}
        {%- set kind = config.get('store_failures_as') or 'table' -%}
        {%- if kind not in ('table', 'view') -%}
            {%- do exceptions.raise_compiler_error('store_failures_as: `' ~ kind ~ '` is none of ephemeral, table, view') -%}
        {%- endif -%}
        {%- set target = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type=kind) -%}
        {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
        {%- if existing -%}
            {%- do adapter.drop_relation(existing) -%}
        {%- endif -%}
        {%- call statement(auto_begin=true) -%}
            {{ header or '' }}
            {{ get_create_sql(target, failing) }}
        {%- endcall -%}
        {%- do kept.append(target) -%}
        {#- Counted from what was kept, so that the query runs once. -#}
        {%- set failing = 'select * from ' ~ target -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {%- call statement('main', fetch_result=true) -%}
        {{ header or '' }}
        {{ get_test_sql(failing, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
    {%- endcall -%}
    {{ return({'relations': kept}) }}
{% endmaterialization %}
