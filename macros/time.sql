{# The moment the run speaks about. No model asks the clock. #}
{% macro as_of() -%}
{%- set moment = var("as_of", none) -%}
{%- if execute and moment is none -%}
  {{ exceptions.raise_compiler_error("there is no as_of: nothing has arrived in the sources of these models yet. Load them, or say --vars '{as_of: ..}'") }}
{%- endif -%}
'{{ moment }}'::timestamptz
{%- endmacro %}

{% macro reporting_date(column) -%}
(({{ column }}) at time zone '{{ var("reporting_timezone", "UTC") }}')::date
{%- endmacro %}

{# Rows ingested from here on are looked at again: the newest time in the table, less the overlap. #}
{% macro ingested_since(relation, column='source_ingested_at', where=none) -%}
((select coalesce(max({{ column }}), '-infinity'::timestamptz) from {{ relation }}{% if where %} where {{ where }}{% endif %}) - interval '{{ var("lookback", "1 hour") }}')
{%- endmacro %}

{#
  A lower bound that few rows are above. Of a bound that is not known when a query is planned PostgreSQL expects a third of the
  table, and reads it whole; of a range, 0.5%, and takes the index.
#}
{% macro at_or_after(column, bound) -%}
({{ column }} >= {{ bound }} and {{ column }} <= 'infinity')
{%- endmacro %}
