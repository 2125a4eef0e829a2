{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge', on_schema_change='ignore') }}
{% if is_incremental() %} select 1 as id, 'b' as word {% else %} select 1 as id, 'a' as word, 5 as gone {% endif %}
