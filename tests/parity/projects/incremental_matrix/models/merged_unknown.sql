{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge', merge_update_columns=['nothing']) }}
{% if is_incremental() %} select * from (values (2, 'b', 21), (3, 'x', 31), (4, 'd', 40)) as v (id, part, n) {% else %} select * from (values (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)) as v (id, part, n) {% endif %}
