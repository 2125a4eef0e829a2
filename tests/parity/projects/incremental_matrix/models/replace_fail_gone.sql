{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert', on_schema_change='fail') }}
{% if is_incremental() %} select 1 as id, 'b' as word {% else %} select 1 as id, 'a' as word, 5 as gone {% endif %}
