{% test distinct_values_exactly(model, column_name, values, where=none) %}
{# No value at all says nothing. #}
with found as (
  select distinct {{ column_name }}::text as value from {{ model }}
  where {{ column_name }} is not null {% if where %}and {{ where }}{% endif %}
)
select coalesce(found.value, expected.value) as value, found.value is null as is_missing
from found
full join (
  {% for v in values %}select '{{ v | string | replace("'", "''") }}'::text as value{{ ' union all ' if not loop.last }}{% endfor %}
) expected on expected.value = found.value
where (found.value is null or expected.value is null) and exists (select 1 from found)
{% endtest %}
