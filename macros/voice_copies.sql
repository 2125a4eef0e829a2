{#
  One row per key out of copies that arrive at any time: the copy ingested last wins. `fresh` is a CTE of typed source
  rows ingested lately (or all of them); what the table already holds takes part, so older source rows are not read again.
#}
{% macro newest_copy(fresh, key, columns, prefer_where=none) -%}
select {{ columns | join(', ') }}, _ingested_at
from (
  select
    p.*,
    row_number() over (
      partition by p.{{ key }}
      order by p._ingested_at desc,
               {% if prefer_where %}({{ prefer_where }}) desc,
               {% endif %}to_jsonb(p)::text desc
    ) as copy_rank
  from (
    select {{ columns | join(', ') }}, _ingested_at from {{ fresh }}
    {% if is_incremental() -%}
    union all
    select {{ columns | join(', ') }}, _ingested_at
    from {{ this }}
    where {{ key }} in (select f.{{ key }} from {{ fresh }} f)
    {%- endif %}
  ) p
) ranked
where copy_rank = 1
{%- endmacro %}

{# yes/no as written by people; anything else is unknown, which is null. #}
{% macro yes_no(column) -%}
case lower(trim({{ column }})) when 'yes' then true when 'no' then false end
{%- endmacro %}

{#
  A confidence in [0, 1]. 10 to 100 is a percentage; what is left (1.2, -0.1, NaN) is no confidence.
  Nothing between 1 and 10 is taken for a percentage: a value just above 1 is an error of the recogniser.
#}
{% macro confidence(column) -%}
case
  when {{ column }} between 0 and 1 then {{ column }}::double precision
  when {{ column }} between 10 and 100 then round({{ column }}::numeric / 100, 6)::double precision
end
{%- endmacro %}

{# A time. One without a zone, and the midnight of a day, are those of the reporting time zone, whatever the server's own is. #}
{% macro time_or_day(column) -%}
case
  when pg_typeof({{ column }}) = 'timestamptz'::regtype then {{ column }}::timestamptz
  else {{ column }}::timestamp at time zone '{{ var("reporting_timezone", "UTC") }}'
end
{%- endmacro %}

{% macro voice_error_types() -%}
('misunderstanding', 'silence', 'noise')
{%- endmacro %}
