{% test expression_is_true(model, expression, column_name=none) %}
{{ config(audit_scope='rows') }}
select *
from {{ model }}
where not coalesce(({{ column_name ~ ' ' if column_name is not none }}{{ expression }}), false)
{% endtest %}
