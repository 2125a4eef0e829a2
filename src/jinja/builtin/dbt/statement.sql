{# Running SQL from a template. #}

{% macro statement(name=none, fetch_result=false, auto_begin=true, language='sql') -%}
    {%- if execute -%}
        {%- set code = caller() -%}
        {%- if language != 'sql' -%}
            {%- do exceptions.raise_compiler_error('statement: the language `' ~ language ~ '` cannot run on ' ~ adapter.type()) -%}
        {%- endif -%}
        {%- if name == 'main' -%}
            {%- do write(code) -%}
        {%- endif -%}
        {%- set response, table = adapter.execute(code, auto_begin=auto_begin, fetch=fetch_result) -%}
        {%- if name is not none -%}
            {%- do store_result(name, response=response, agate_table=table) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# Runs nothing; stores what is said to have happened. #}
{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
    {%- set text = caller() -%}
    {%- if name == 'main' -%}
        {%- do write(text) -%}
    {%- endif -%}
    {%- if name is not none -%}
        {%- do store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) -%}
    {%- endif -%}
{%- endmacro %}

{% macro run_query(sql) -%}
    {%- call statement('run_query_statement', fetch_result=true, auto_begin=false) -%}
        {{ sql }}
    {%- endcall -%}
    {{ return(load_result('run_query_statement').table) }}
{%- endmacro %}

{% macro set_sql_header(config) -%}
    {%- do config.set('sql_header', caller()) -%}
{%- endmacro %}

{% macro is_incremental() -%}
    {{ return(_is_incremental()) }}
{%- endmacro %}

{% macro should_full_refresh() -%}
    {%- set configured = config.get('full_refresh') -%}
    {{ return(flags.FULL_REFRESH if configured is none else configured) }}
{%- endmacro %}

{% macro should_store_failures() -%}
    {%- set configured = config.get('store_failures') -%}
    {{ return(flags.STORE_FAILURES if configured is none else configured) }}
{%- endmacro %}

{% macro validate_sql(sql) -%}
    {{ return(adapter.dispatch('validate_sql', 'dbt')(sql)) }}
{%- endmacro %}

{% macro default__validate_sql(sql) -%}
    {%- call statement('validate_sql') -%}
        explain {{ sql }}
    {%- endcall -%}
    {{ return(load_result('validate_sql')) }}
{%- endmacro %}

{% macro get_show_sql(compiled_code, sql_header, limit) -%}
    {{ sql_header if sql_header is not none }}
    {{ get_limit_subquery_sql(compiled_code, limit) }}
{%- endmacro %}

{% macro get_limit_subquery_sql(sql, limit) -%}
    {{ return(adapter.dispatch('get_limit_sql', 'dbt')(sql, limit)) }}
{%- endmacro %}

{% macro default__get_limit_sql(sql, limit) %}
    {{ sql }}
    {{ 'limit ' ~ limit if limit is not none }}
{% endmacro %}

{# Whether this is the second generation of the engine that templates are written for. #}
{% macro is_core_v2() -%}
    {{ return((dbt_version.split('.') | first | int) == 2) }}
{%- endmacro %}
