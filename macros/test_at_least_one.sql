{% test at_least_one(model, column_name) %}
{# An empty table says nothing; a table of nothing but nulls does. #}
select count(*) as rows
from {{ model }}
having count(*) > 0 and count({{ column_name }}) = 0
{% endtest %}
