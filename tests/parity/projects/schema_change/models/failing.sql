{{ config(materialized='incremental', unique_key='id', on_schema_change='fail') }}
{% if is_incremental() %} select 2 as id, 'b' as come {% else %} select 1 as id, 'a' as gone {% endif %}
