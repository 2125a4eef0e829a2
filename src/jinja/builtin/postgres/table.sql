{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- set header = config.get('sql_header', none) -%}
    {%- set contract = config.get('contract').enforced -%}
    {%- set kind = 'temporary ' if temporary else 'unlogged ' if config.get('unlogged', default=false) else '' -%}
    {{ header if header is not none }}
    create {{ kind }}table {{ relation }}
    {% if contract -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif %}
    {% if contract and not temporary -%}
    {{ get_table_columns_and_constraints() }} ;
    insert into {{ relation }} (
        {{ adapter.dispatch('get_column_names', 'dbt')() }}
    )
    (
        {{ get_select_subquery(sql) }}
    );
    {%- else -%}
    as
    (
        {{ sql }}
    );
    {%- endif %}
{%- endmacro %}

{% macro postgres__drop_table(relation) -%}
    drop table if exists {{ relation }} cascade
{%- endmacro %}

{% macro postgres__get_rename_table_sql(relation, new_name) %}
    alter table {{ relation }} rename to {{ new_name }}
{% endmacro %}

{% macro postgres__get_replace_table_sql(relation, sql) -%}
    {%- set header = config.get('sql_header', none) -%}
    {%- set contract = config.get('contract').enforced -%}
    {{ header if header is not none }}
    create or replace table {{ relation }}
    {% if contract -%}
        {{ get_assert_columns_equivalent(sql) }}
        {{ get_table_columns_and_constraints() }}
    {%- endif %}
    as (
        {{ get_select_subquery(sql) if contract else sql }}
    );
{%- endmacro %}
