{% macro said(word, times=1) %}{{ word }}{% endmacro %}
