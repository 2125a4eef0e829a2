{% macro twice(column) %}{{ column }} * {{ factor() }}{% endmacro %}

{% macro factor() %}3{% endmacro %}
