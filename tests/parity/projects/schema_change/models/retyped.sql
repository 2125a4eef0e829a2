{{ config(materialized='incremental', unique_key='id', on_schema_change='sync_all_columns') }}
{% if is_incremental() %} select 2 as id, 3.5::numeric as amount {% else %} select 1 as id, 7::integer as amount {% endif %}
