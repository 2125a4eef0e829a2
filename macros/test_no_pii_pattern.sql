{# Of one column; or of several that say few different things, which are then looked at once for each combination. #}
{% test no_pii_pattern(model, column_name=none, columns=none) %}
{{ config(audit_scope='rows') }}
{%- if columns %}
select *
-- Distinct first, and only then the patterns: offset keeps the planner from looking at every row with them.
from (select distinct {{ columns | join(', ') }} from {{ model }} offset 0) d
where {% for column in columns %}{{ looks_personal(column) }}{{ ' or ' if not loop.last }}{% endfor %}
{%- else %}
select {{ column_name }}
from {{ model }}
where {{ looks_personal(column_name) }}
{%- endif %}
{% endtest %}
