{% macro postgres__current_timestamp() -%}
    now()
{%- endmacro %}

{% macro postgres__snapshot_get_time() -%}
    {{ current_timestamp() }}::timestamp without time zone
{%- endmacro %}

{% macro postgres__snapshot_string_as_time(timestamp) -%}
    {{ return("'" ~ timestamp ~ "'::timestamp without time zone") }}
{%- endmacro %}

{% macro postgres__current_timestamp_backcompat() %}
    current_timestamp::{{ type_timestamp() }}
{% endmacro %}

{% macro postgres__current_timestamp_in_utc_backcompat() %}
    (current_timestamp at time zone 'utc')::{{ type_timestamp() }}
{% endmacro %}

{% macro postgres__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {{ from_date_or_timestamp }} + ((interval '1 {{ datepart }}') * ({{ interval }}))
{%- endmacro %}

{# A quarter is no unit of an interval. #}
{% macro postgres__last_day(date, datepart) -%}
    {%- if datepart == 'quarter' -%}
    {%- set next = dbt.dateadd('month', '3', dbt.date_trunc(datepart, date)) -%}
    cast(
        {{ dbt.dateadd('day', '-1', next) }}
        as date)
    {%- else -%}
    {{ dbt.default_last_day(date, datepart) }}
    {%- endif -%}
{%- endmacro %}

{# Boundaries crossed: years count months, months days, and so on down. Compiled SQL is recorded and compared by packages,
   so the blanks around it are dbt's. #}
{% macro postgres__datediff(first_date, second_date, datepart) -%}
    {%- set a = '(' ~ first_date ~ ')' -%}
    {%- set b = '(' ~ second_date ~ ')' -%}
    {%- set parts = {
        'quarter': ['year', '* 4', 'date'],
        'month': ['year', '* 12', 'date'],
        'hour': ['day', '* 24', 'timestamp'],
        'minute': ['hour', '* 60', 'timestamp'],
        'second': ['minute', '* 60', 'timestamp'],
        'millisecond': ['minute', '* 60000', 'timestamp'],
        'microsecond': ['minute', '* 60000000', 'timestamp'],
    } -%}
    {%- set sql -%}
    {%- if datepart == 'year' -%}
        (date_part('year', {{ b }}::date) - date_part('year', {{ a }}::date))
    {%- elif datepart == 'day' -%}
        ({{ b }}::date - {{ a }}::date)
    {%- elif datepart == 'week' -%}
        ({{ datediff(first_date, second_date, 'day') }} / 7 + case
            when date_part('dow', {{ a }}::timestamp) <= date_part('dow', {{ b }}::timestamp) then
                case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
            else
                case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
        end)
    {%- elif datepart in parts -%}
        {%- set whole, factor, type = parts[datepart] -%}
        {%- set left = "date_part('" ~ datepart ~ "', " ~ b ~ '::' ~ type ~ ')' -%}
        {%- set right = "date_part('" ~ datepart ~ "', " ~ a ~ '::' ~ type ~ ')' -%}
        {%- if datepart.endswith('second') -%}
            {%- set left = 'floor(' ~ left ~ ')' -%}
            {%- set right = 'floor(' ~ right ~ ')' -%}
        {%- endif -%}
        ({{ datediff(first_date, second_date, whole) }} {{ factor }} + {{ left }} - {{ right }})
    {%- else -%}
        {%- do exceptions.raise_compiler_error("datediff does not know the date part '" ~ datepart ~ "' on PostgreSQL") -%}
    {%- endif -%}
    {%- endset -%}
    {{- '\n        ' ~ sql ~ '\n    ' -}}
{%- endmacro %}
