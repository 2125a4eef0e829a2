{# Dates and times: expressions, and series of them. #}

{% macro current_timestamp() -%}
    {{ return(adapter.dispatch('current_timestamp', 'dbt')()) }}
{%- endmacro %}

{% macro default__current_timestamp() -%}
    {%- do exceptions.raise_not_implemented('current_timestamp has no implementation for ' ~ adapter.type()) -%}
{%- endmacro %}

{% macro snapshot_get_time() -%}
    {{ return(adapter.dispatch('snapshot_get_time', 'dbt')()) }}
{%- endmacro %}

{% macro default__snapshot_get_time() -%}
    {{ current_timestamp() }}
{%- endmacro %}

{# For projects that came to rely on what dbt_utils once called current_timestamp. #}
{% macro current_timestamp_backcompat() %}
    {{ return(adapter.dispatch('current_timestamp_backcompat', 'dbt')()) }}
{% endmacro %}

{% macro default__current_timestamp_backcompat() %}
    current_timestamp::timestamp
{% endmacro %}

{% macro current_timestamp_in_utc_backcompat() %}
    {{ return(adapter.dispatch('current_timestamp_in_utc_backcompat', 'dbt')()) }}
{% endmacro %}

{% macro default__current_timestamp_in_utc_backcompat() %}
    {{ return(adapter.dispatch('current_timestamp_backcompat', 'dbt')()) }}
{% endmacro %}

{% macro date_trunc(datepart, date) -%}
    {{ return(adapter.dispatch('date_trunc', 'dbt')(datepart, date)) }}
{%- endmacro %}

{% macro default__date_trunc(datepart, date) -%}
    date_trunc('{{ datepart }}', {{ date }})
{%- endmacro %}

{% macro dateadd(datepart, interval, from_date_or_timestamp) -%}
    {{ return(adapter.dispatch('dateadd', 'dbt')(datepart, interval, from_date_or_timestamp)) }}
{%- endmacro %}

{% macro default__dateadd(datepart, interval, from_date_or_timestamp) -%}
    dateadd(
        {{ datepart }},
        {{ interval }},
        {{ from_date_or_timestamp }}
        )
{%- endmacro %}

{% macro datediff(first_date, second_date, datepart) -%}
    {{ return(adapter.dispatch('datediff', 'dbt')(first_date, second_date, datepart)) }}
{%- endmacro %}

{% macro default__datediff(first_date, second_date, datepart) -%}
    datediff(
        {{ datepart }},
        {{ first_date }},
        {{ second_date }}
        )
{%- endmacro %}

{% macro last_day(date, datepart) -%}
    {{ return(adapter.dispatch('last_day', 'dbt')(date, datepart)) }}
{%- endmacro %}

{% macro default__last_day(date, datepart) -%}
    {{ dbt.default_last_day(date, datepart) }}
{%- endmacro %}

{# The day before the next period begins. #}
{% macro default_last_day(date, datepart) -%}
    {%- set next = dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date)) -%}
    cast(
        {{ dbt.dateadd('day', '-1', next) }}
        as date)
{%- endmacro %}

{% macro date(year, month, day) -%}
    {{ return(adapter.dispatch('date', 'dbt')(year, month, day)) }}
{%- endmacro %}

{% macro default__date(year, month, day) -%}
    to_date('{{ modules.datetime.date(year, month, day).strftime('%Y-%m-%d') }}', 'YYYY-MM-DD')
{%- endmacro %}

{# Asks the database; 1 where there is none to ask. #}
{% macro get_intervals_between(start_date, end_date, datepart) -%}
    {{ return(adapter.dispatch('get_intervals_between', 'dbt')(start_date, end_date, datepart)) }}
{%- endmacro %}

{% macro default__get_intervals_between(start_date, end_date, datepart) -%}
    {%- call statement('get_intervals_between', fetch_result=true) -%}
        select {{ dbt.datediff(start_date, end_date, datepart) }}
    {%- endcall -%}
    {%- set result = load_result('get_intervals_between') -%}
    {{ return(result['data'][0][0] if result and result['data'] else 1) }}
{%- endmacro %}

{# How many digits a number has in base two, so that their powers make all numbers up to the bound. #}
{% macro get_powers_of_two(upper_bound) %}
    {{ return(adapter.dispatch('get_powers_of_two', 'dbt')(upper_bound)) }}
{% endmacro %}

{% macro default__get_powers_of_two(upper_bound) %}
    {%- if upper_bound <= 0 -%}
        {%- do exceptions.raise_compiler_error('upper bound must be positive') -%}
    {%- endif -%}
    {%- for power in range(1, 100) if 2 ** power >= upper_bound -%}
        {{ return(power) }}
    {%- endfor -%}
{% endmacro %}

{% macro generate_series(upper_bound) %}
    {{ return(adapter.dispatch('generate_series', 'dbt')(upper_bound)) }}
{% endmacro %}

{# The numbers from 1, in SQL that every database runs: each power of two is taken or not. #}
{% macro default__generate_series(upper_bound) %}
    {%- set terms = [] -%}
    {%- set digits = [] -%}
    {%- for i in range(dbt.get_powers_of_two(upper_bound)) -%}
        {%- do terms.append('p' ~ i ~ '.generated_number * power(2, ' ~ i ~ ')') -%}
        {%- do digits.append('p as p' ~ i) -%}
    {%- endfor %}
    with p as (
        select 0 as generated_number union all select 1
    ), unioned as (
        select
        {{ terms | join(' + ') }}
        + 1
        as generated_number
        from
        {{ digits | join(' cross join ') }}
    )
    select *
    from unioned
    where generated_number <= {{ upper_bound }}
    order by generated_number
{% endmacro %}

{% macro date_spine(datepart, start_date, end_date) -%}
    {{ return(adapter.dispatch('date_spine', 'dbt')(datepart, start_date, end_date)) }}
{%- endmacro %}

{# One row a date part, from the start to the end. #}
{% macro default__date_spine(datepart, start_date, end_date) -%}
    {%- set name = 'date_' ~ datepart -%}
    with rawdata as (
        {{ dbt.generate_series(dbt.get_intervals_between(start_date, end_date, datepart)) }}
    ),
    all_periods as (
        select (
            {{ dbt.dateadd(datepart, 'row_number() over (order by 1) - 1', start_date) }}
        ) as {{ name }}
        from rawdata
    ),
    filtered as (
        select *
        from all_periods
        where {{ name }} <= {{ end_date }}
    )
    select * from filtered
{%- endmacro %}

{% macro convert_datetime(date_str, date_fmt) %}
    {%- set wrong = 'the partition date `' ~ date_str ~ '` is not of the form `' ~ date_fmt ~ '`' -%}
    {{ return(try_or_compiler_error(wrong, modules.datetime.datetime.strptime, date_str.strip(), date_fmt)) }}
{% endmacro %}

{# All days of a range, both ends included; as text where there is a format to print them in. #}
{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt="%Y%m%d", out_fmt="%Y%m%d") %}
    {%- set first = convert_datetime(start_date_str, in_fmt) -%}
    {%- set last = first if end_date_str is none else convert_datetime(end_date_str, in_fmt) -%}
    {%- set count = (last - first).days + 1 -%}
    {%- if count < 1 -%}
        {%- do exceptions.raise_compiler_error('the range of partitions begins after its end: ' ~ first ~ ', ' ~ last, model) -%}
    {%- endif -%}
    {%- set dates = [] -%}
    {%- for i in range(count) -%}
        {%- set day = first + modules.datetime.timedelta(days=i) -%}
        {%- do dates.append(day.strftime(out_fmt) if out_fmt else day) -%}
    {%- endfor -%}
    {{ return(dates) }}
{% endmacro %}

{# The days of `first` or `first,last`. #}
{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') %}
    {%- set ends = (raw_partition_date | string).split(',') -%}
    {%- if ends | length > 2 -%}
        {%- do exceptions.raise_compiler_error('a range of partitions is `first` or `first,last`, not `' ~ raw_partition_date ~ '`') -%}
    {%- endif -%}
    {{ return(dates_in_range(ends[0], ends[1] if ends | length == 2 else none, in_fmt=date_fmt)) }}
{% endmacro %}

{# A string of this moment, for names of files and tables. #}
{% macro py_current_timestring() -%}
    {{ return(modules.datetime.datetime.now().strftime('%Y%m%d%H%M%S%f')) }}
{%- endmacro %}
