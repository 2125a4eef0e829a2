{# Settings of the chat domain, checked while the project is read: a wrong one would silently mean another one. #}

{% macro rasa_switch(name, default) -%}
{%- set value = var(name, default) -%}
{%- if value is not boolean -%}
  {{ exceptions.raise_compiler_error("the var " ~ name ~ " is `" ~ value ~ "`; it is true or false") }}
{%- endif -%}
{{ return(value) }}
{%- endmacro %}

{% macro rasa_list(name) -%}
{%- set values = var(name, []) -%}
{%- if values is string or values is mapping or values is not iterable -%}
  {{ exceptions.raise_compiler_error("the var " ~ name ~ " is `" ~ values ~ "`; it is a list") }}
{%- endif -%}
{{ return(values) }}
{%- endmacro %}

{# Whole minutes; 0: never. #}
{% macro rasa_gap_minutes() -%}
{%- set value = var('session_gap_minutes', 0) | string -%}
{%- if not modules.re.match('^[0-9]{1,8}$', value) -%}
  {{ exceptions.raise_compiler_error("the var session_gap_minutes is `" ~ value ~ "`; it is a whole number of minutes, 0 for never") }}
{%- endif -%}
{{ return(value | int) }}
{%- endmacro %}

{% macro rasa_low_confidence() -%}
{%- set value = var('rasa_low_confidence', 0.5) | string -%}
{%- if not modules.re.match('^(0|1|0\\.[0-9]+|1\\.0+)$', value) -%}
  {{ exceptions.raise_compiler_error("the var rasa_low_confidence is `" ~ value ~ "`; it is a number from 0 to 1") }}
{%- endif -%}
{{ return(value) }}
{%- endmacro %}
