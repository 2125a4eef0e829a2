{% macro parity_now() %}current_date{% endmacro %}
