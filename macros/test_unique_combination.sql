{% test unique_combination(model, columns) %}
{{ config(audit_scope='keys') }}
select {{ columns | join(', ') }}, count(*) as rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
