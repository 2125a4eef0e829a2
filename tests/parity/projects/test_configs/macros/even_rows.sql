{% test even_rows(model, by) %}
select 1 from (select count(*) as rows from {{ model }}) counted where rows % {{ by }} <> 0
{% endtest %}
