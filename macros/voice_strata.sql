{# Whom a call is compared with, when versions of the recogniser are: callers alike, and calls of about the same length. #}
{% macro voice_segment(fact) -%}
{{ fact }}.region || case when {{ fact }}.is_first_time_user then ', first time' else ', used to it' end
{%- endmacro %}

{% macro voice_length_band(turns) -%}
case when {{ turns }} <= 6 then 'to 6' when {{ turns }} <= 9 then '7 to 9' else 'from 10' end
{%- endmacro %}
