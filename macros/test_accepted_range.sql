{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) %}
{{ config(audit_scope='rows') }}
{%- set below = '<' if inclusive else '<=' -%}
{%- set above = '>' if inclusive else '>=' -%}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is not null
  and (
    false
    {% if min_value is not none %}or {{ column_name }} {{ below }} {{ min_value }}{% endif %}
    {% if max_value is not none %}or {{ column_name }} {{ above }} {{ max_value }}{% endif %}
  )
{% endtest %}
