{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='ignore') }}
{% if is_incremental() %} select 1 as id, 'b' as word, 5 as come {% else %} select 1 as id, 'a' as word {% endif %}
