{% test progressing_in_partition(model, partition, column_name=none, column=none, sort=none, min_diff=none, max_diff=none) %}
{{ config(audit_scope='keys', audit_keys=partition.split(',') | map('trim') | list) }}
{%- set number = column or column_name %}
select *
from (
  select
    {{ partition }} as partition_value,
    {{ number }} as number,
    {{ number }} - lag({{ number }}) over (partition by {{ partition }} order by {{ sort or number }}) as step
  from {{ model }}
) steps
where false
  {% if min_diff is not none %}or step < {{ min_diff }}{% endif %}
  {% if max_diff is not none %}or step > {{ max_diff }}{% endif %}
{% endtest %}
