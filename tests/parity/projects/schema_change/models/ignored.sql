{{ config(materialized='incremental', unique_key='id') }}
{% if is_incremental() %} select 2 as id, 'b' as kept, true as come {% else %} select 1 as id, 'a' as kept {% endif %}
