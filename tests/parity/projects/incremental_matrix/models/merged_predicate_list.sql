{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge', incremental_predicates=['DBT_INTERNAL_DEST.n < 30', 'DBT_INTERNAL_SOURCE.n > 21']) }}
{% if is_incremental() %} select * from (values (2, 'b', 21), (3, 'x', 31), (4, 'd', 40)) as v (id, part, n) {% else %} select * from (values (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)) as v (id, part, n) {% endif %}
