{% test same_rows(model, other) %}select 1 from {{ model }} a full join {{ other }} b on a.n = b.n where a.n is null or b.n is null{% endtest %}
