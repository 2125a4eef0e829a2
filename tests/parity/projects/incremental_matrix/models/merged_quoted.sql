{{ config(materialized='incremental', unique_key='"Id"', incremental_strategy='merge', merge_update_columns=['"N"']) }}
{% if is_incremental() %} select 1 as "Id", 20 as "N", 30 as m {% else %} select 1 as "Id", 2 as "N", 3 as m {% endif %}
