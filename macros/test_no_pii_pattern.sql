{% test no_pii_pattern(model, column_name) %}
{{ config(audit_scope='rows') }}
select {{ column_name }}
from {{ model }}
where {{ looks_personal(column_name) }}
{% endtest %}
