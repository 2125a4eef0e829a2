{% macro postgres__drop_view(relation) -%}
    drop view if exists {{ relation }} cascade
{%- endmacro %}

{% macro postgres__get_rename_view_sql(relation, new_name) %}
    alter view {{ relation }} rename to {{ new_name }}
{% endmacro %}

{% macro postgres__get_replace_view_sql(relation, sql) -%}
    {%- set header = config.get('sql_header', none) -%}
    {{ header if header is not none }}
    create or replace view {{ relation }}
    {% if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif %}
    as (
        {{ sql }}
    );
{%- endmacro %}
