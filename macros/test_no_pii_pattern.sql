{# Of one column; or of several, which are then looked at once for each combination of what they say. #}
{% test no_pii_pattern(model, column_name=none, columns=none) %}
{{ config(audit_scope='rows') }}
{%- set names = columns or [column_name] %}
select *
-- Distinct first, and only then the patterns: offset keeps the planner from looking at every row with them.
from (select distinct {{ names | join(', ') }} from {{ model }} offset 0) d
where {% for name in names %}{{ looks_personal(name) }}{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
