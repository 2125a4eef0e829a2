{% macro tall() %}height > 1.8{% endmacro %}
