{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge', on_schema_change='sync_all_columns') }}
{% if is_incremental() %} select 1 as id, 2.5::numeric as n {% else %} select 1 as id, 5::int as n {% endif %}
