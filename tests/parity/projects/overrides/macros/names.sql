{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- if custom_schema_name is none -%} {{ target.schema }}_{{ node.resource_type }}s {%- else -%} {{ custom_schema_name | trim }} {%- endif -%}
{%- endmacro %}

{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
  {{ (custom_alias_name or node.name) ~ '_' ~ (node.fqn | length) }}
{%- endmacro %}

{% macro get_where_subquery(relation) -%}
  {%- if config.get('where') %} (select * from {{ relation }} where {{ config.get('where') | replace('LIMIT_HERE', '2') }}) own_subquery
  {%- else -%} {{ relation }} {%- endif -%}
{%- endmacro %}

{% macro postgres__create_table_as(temporary, relation, sql) -%}
  create {% if temporary %}temporary{% endif %} table {{ relation.include(database=(not temporary), schema=(not temporary)) }} as
  select inner_query.*, '{{ 'temporary' if temporary else 'made' }}' as how from ({{ sql }}) as inner_query
{%- endmacro %}

{% macro ref() %}
  {%- set relation = builtins.ref(*varargs, **kwargs) -%}
  {%- do return(relation.include(database=false)) -%}
{% endmacro %}

{% macro source(group, name) %}
  {%- do return(builtins.source(group, name)) -%}
{% endmacro %}

{% macro drop_schema_named(schema) %}{% endmacro %}
