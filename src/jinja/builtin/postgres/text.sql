{% macro postgres__any_value(expression) -%}
    min({{ expression }})
{%- endmacro %}

{% macro postgres__equals(expr1, expr2) -%}
    {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    ({{ expr1 }} IS NOT DISTINCT FROM {{ expr2 }})
    {%- else -%}
    ({{ expr1 }} = {{ expr2 }})
    {%- endif -%}
{%- endmacro %}

{% macro postgres__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- set order = order_by_clause or '' -%}
    {%- if limit_num -%}
    array_to_string(
        (array_agg(
            {{ measure }}
            {{ order }}
        ))[1:{{ limit_num }}],
        {{ delimiter_text }}
        )
    {%- else -%}
    string_agg(
        {{ measure }},
        {{ delimiter_text }}
        {{ order }}
        )
    {%- endif -%}
{%- endmacro %}

{% macro postgres__split_part(string_text, delimiter_text, part_number) -%}
    {%- set split = dbt.default__split_part if part_number >= 0 else dbt._split_part_negative -%}
    {{ return(split(string_text, delimiter_text, part_number)) }}
{%- endmacro %}
