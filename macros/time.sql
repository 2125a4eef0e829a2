{# The moment the run speaks about. No model asks the clock. #}
{% macro as_of() -%}
'{{ var("as_of") }}'::timestamptz
{%- endmacro %}

{% macro reporting_date(column) -%}
(({{ column }}) at time zone '{{ var("reporting_timezone", "UTC") }}')::date
{%- endmacro %}

{# Rows ingested from here on are looked at again: the newest time in the table, less the overlap. #}
{% macro ingested_since(relation, column='source_ingested_at', where=none) -%}
((select coalesce(max({{ column }}), '-infinity'::timestamptz) from {{ relation }}{% if where %} where {{ where }}{% endif %}) - interval '{{ var("lookback", "1 hour") }}')
{%- endmacro %}
