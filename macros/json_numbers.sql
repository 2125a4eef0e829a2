{# Numbers out of JSON written by clients: they may be missing, null, strings, or nonsense. #}

{% macro json_num(doc, key) -%}
case jsonb_typeof({{ doc }} -> '{{ key }}')
  when 'number' then ({{ doc }} ->> '{{ key }}')::numeric
  when 'string' then
    case when {{ doc }} ->> '{{ key }}' ~ '^[+-]?[0-9]{1,12}(\.[0-9]{1,9})?$' then ({{ doc }} ->> '{{ key }}')::numeric end
end
{%- endmacro %}

{% macro json_int(doc, key, lo, hi) -%}
{{ whole_within(json_num(doc, key), lo, hi) }}
{%- endmacro %}

{% macro whole_within(number, lo, hi) -%}
case when ({{ number }}) between {{ lo }} and {{ hi }} and ({{ number }}) = trunc({{ number }}) then ({{ number }})::bigint end
{%- endmacro %}

{# JSON has numbers nearer to 0 than any double; PostgreSQL fails over them instead of rounding. #}
{% macro double(number) -%}
(case when abs({{ number }}) < 1e-300 then 0 else {{ number }} end)::double precision
{%- endmacro %}

{% macro number_within(number, lo, hi, data_type) -%}
case when ({{ number }}) between {{ lo }} and {{ hi }} then {{ double(number) if data_type == 'double precision' else '(' ~ number ~ ')::' ~ data_type }} end
{%- endmacro %}

{# A share that some clients send as a percentage: (1, 100] is divided by 100. #}
{% macro share_of_progress(number) -%}
case
  when ({{ number }}) between 0 and 1 then {{ double(number) }}
  when ({{ number }}) > 1 and ({{ number }}) <= 100 then (({{ number }}) / 100)::double precision
end
{%- endmacro %}

{# '<column>:malformed' or '<column>:out_of_range' where cleaning made a value that was there null. #}
{% macro json_rejection(doc, key, number, cleaned, column) -%}
case
  when {{ cleaned }} is null and jsonb_typeof({{ doc }} -> '{{ key }}') <> 'null' then
    case when {{ number }} is null then '{{ column }}:malformed' else '{{ column }}:out_of_range' end
end
{%- endmacro %}

{# A name that a client sends: a text or a number. Of documents, lists and texts that are too long for an index, nothing. #}
{% macro json_name(doc, key) -%}
case when jsonb_typeof({{ doc }} -> '{{ key }}') in ('string', 'number') and length({{ doc }} ->> '{{ key }}') between 1 and 255 then {{ doc }} ->> '{{ key }}' end
{%- endmacro %}

{# '<column>:malformed' or '<column>:too_long' where a name that was there became null. #}
{% macro name_rejection(doc, key, cleaned, column) -%}
case
  when {{ cleaned }} is null and {{ doc }} ->> '{{ key }}' <> '' then
    case when jsonb_typeof({{ doc }} -> '{{ key }}') in ('string', 'number') then '{{ column }}:too_long' else '{{ column }}:malformed' end
end
{%- endmacro %}
