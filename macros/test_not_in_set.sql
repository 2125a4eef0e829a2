{% test not_in_set(model, column_name, values) %}
{{ config(audit_scope='rows') }}
select {{ column_name }}
from {{ model }}
where {{ column_name }}::text in ({% for v in values %}'{{ v | string | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %})
{% endtest %}
