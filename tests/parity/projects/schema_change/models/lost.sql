{{ config(materialized='incremental', unique_key='id', on_schema_change='ignore') }}
{% if is_incremental() %} select 2 as id {% else %} select 1 as id, 'a' as gone {% endif %}
