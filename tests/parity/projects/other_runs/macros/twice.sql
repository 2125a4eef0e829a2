{% macro twice(column) %}{{ column }} * {{ factor() }}{% endmacro %}

{% macro factor() %}2{% endmacro %}
