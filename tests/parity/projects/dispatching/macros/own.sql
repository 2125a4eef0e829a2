{% macro default__circle() %}'own default circle'{% endmacro %}
{% macro postgres__square() %}'own postgres square'{% endmacro %}
{% macro local() %}{{ adapter.dispatch('local')() }}{% endmacro %}
{% macro default__local() %}'default local'{% endmacro %}
{% macro postgres__local() %}'postgres local'{% endmacro %}
{% macro in_both() %}'of the project'{% endmacro %}
