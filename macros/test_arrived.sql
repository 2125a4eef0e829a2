{#
  What arrived at no time no build after the first would find, and after what arrives for ever nothing is ever new. Written so
  that an index on the column answers it.
#}
{% test arrived(model, column_name) %}
{{ config(audit_scope='rows') }}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is null or {{ column_name }} in ('infinity', '-infinity')
{% endtest %}
