{# dbt's rule, with var dest_schema_prefix in place of the target's schema where it is given: one more bot beside the others. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
{%- set base = var('dest_schema_prefix', none) or target.schema -%}
{{ base if custom_schema_name is none else base ~ '_' ~ custom_schema_name | trim }}
{%- endmacro %}
