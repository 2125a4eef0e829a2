{% test row_count_equal(model, compare_model) %}
select m.row_count, c.row_count as compare_row_count
from (select count(*) as row_count from {{ model }}) m
cross join (select count(*) as row_count from {{ compare_model }}) c
where m.row_count <> c.row_count
{% endtest %}
