{% test partition_contains(model, column_name, partition, values) %}
{{ config(audit_scope='keys', audit_keys=partition.split(',') | map('trim') | list) }}
select {{ partition }} as partition_value
from {{ model }}
group by {{ partition }}
having not coalesce(bool_or({{ column_name }} in ({% for v in values %}{{ "'" ~ v ~ "'" if v is string else v }}{{ ', ' if not loop.last }}{% endfor %})), false)
{% endtest %}
