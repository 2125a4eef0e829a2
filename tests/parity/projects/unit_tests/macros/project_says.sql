{% macro project_says() %}nothing{% endmacro %}
