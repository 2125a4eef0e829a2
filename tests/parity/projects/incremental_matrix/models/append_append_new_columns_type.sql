{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns') }}
{% if is_incremental() %} select 1 as id, 2.5::numeric as n {% else %} select 1 as id, 5::int as n {% endif %}
