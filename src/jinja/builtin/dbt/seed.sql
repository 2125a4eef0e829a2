{# Seeds: a table made from a CSV file. #}

{% macro create_csv_table(model, agate_table) -%}
    {{ return(adapter.dispatch('create_csv_table', 'dbt')(model, agate_table)) }}
{%- endmacro %}

{% macro default__create_csv_table(model, agate_table) %}
    {%- set given = model['config'].get('column_types', {}) or {} -%}
    {%- set quotes = model['config'].get('quote_columns', none) -%}
    {%- set columns = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- set type = given.get(name, adapter.convert_type(agate_table, loop.index0)) -%}
        {%- do columns.append(adapter.quote_seed_column(name | string, quotes) ~ ' ' ~ type) -%}
    {%- endfor -%}
    {%- set text = 'create table ' ~ this.render() ~ ' (' ~ columns | join(', ') ~ ')' -%}
    {%- call statement('_') -%}
        {{ text }}
    {%- endcall -%}
    {{ return(text) }}
{% endmacro %}

{# Empties the table, or makes it anew; gives the statement that did so. #}
{% macro reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {{ return(adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table)) }}
{%- endmacro %}

{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {%- if full_refresh -%}
        {%- do adapter.drop_relation(old_relation) -%}
        {{ return(create_csv_table(model, agate_table)) }}
    {%- endif -%}
    {%- do adapter.truncate_relation(old_relation) -%}
    {{ return('truncate table ' ~ old_relation.render()) }}
{% endmacro %}

{% macro get_csv_sql(create_or_truncate_sql, insert_sql) %}
    {{ return(adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql)) }}
{% endmacro %}

{% macro default__get_csv_sql(create_or_truncate_sql, insert_sql) %}
    {{ create_or_truncate_sql }};
    -- dbt seed --
    {{ insert_sql }}
{% endmacro %}

{# What stands for a value in a statement with bindings. #}
{% macro get_binding_char() -%}
    {{ return(adapter.dispatch('get_binding_char', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_binding_char() %}
    {{ return('%s') }}
{% endmacro %}

{% macro get_batch_size() -%}
    {{ return(adapter.dispatch('get_batch_size', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_batch_size() %}
    {{ return(10000) }}
{% endmacro %}

{% macro get_seed_column_quoted_csv(model, column_names) %}
    {%- set quotes = model['config'].get('quote_columns', none) -%}
    {%- set names = [] -%}
    {%- for name in column_names -%}
        {%- do names.append(adapter.quote_seed_column(name, quotes)) -%}
    {%- endfor -%}
    {{ return(names | join(', ')) }}
{% endmacro %}

{# Inserts the rows in batches; gives the first statement. #}
{% macro load_csv_rows(model, agate_table) -%}
    {{ return(adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table)) }}
{%- endmacro %}

{% macro default__load_csv_rows(model, agate_table) %}
    {%- set names = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
    {%- set slots = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- do slots.append(get_binding_char() | trim) -%}
    {%- endfor -%}
    {%- set statements = [] -%}
    {%- for rows in agate_table.rows | batch(get_batch_size()) -%}
        {%- set values = [] -%}
        {%- set tuples = [] -%}
        {%- for row in rows -%}
            {%- do values.extend(row) -%}
            {%- do tuples.append('(' ~ slots | join(',') ~ ')') -%}
        {%- endfor -%}
        {%- set text = 'insert into ' ~ this.render() ~ ' (' ~ names ~ ') values ' ~ tuples | join(',') -%}
        {%- do adapter.add_query(text, bindings=values, abridge_sql_log=true) -%}
        {%- do statements.append(text) if loop.first -%}
    {%- endfor -%}
    {{ return(statements[0]) }}
{% endmacro %}

{% materialization seed, default %}
    {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set grants = config.get('grants') -%}
    {%- set rebuilds = should_full_refresh() -%}
    {%- set there = existing is not none and existing.is_table -%}
    {%- set table = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=table) -%}

    {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
    {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

    {%- if existing is not none and existing.is_view -%}
        {%- do exceptions.raise_compiler_error('the seed cannot be loaded: ' ~ existing.render() ~ ' is a view') -%}
    {%- elif there -%}
        {%- set prepared = reset_csv_table(model, rebuilds, existing, table) -%}
    {%- else -%}
        {%- set prepared = create_csv_table(model, table) -%}
    {%- endif -%}
    {%- set count = table.rows | length -%}
    {%- set inserted = load_csv_rows(model, table) if count else '' -%}
    {%- set code = 'CREATE' if rebuilds else 'INSERT' -%}
    {%- call noop_statement('main', code ~ ' ' ~ count, code, count) -%}
        {{ get_csv_sql(prepared, inserted) }};
    {%- endcall -%}

    {%- do apply_grants(target, grants, should_revoke=should_revoke(existing, rebuilds)) -%}
    {%- do persist_docs(target, model) -%}
    {%- if rebuilds or not there -%}
        {%- do create_indexes(target) -%}
    {%- endif -%}
    {%- do run_hooks(post_hooks, inside_transaction=true) -%}
    {%- do adapter.commit() -%}
    {%- do run_hooks(post_hooks, inside_transaction=false) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
