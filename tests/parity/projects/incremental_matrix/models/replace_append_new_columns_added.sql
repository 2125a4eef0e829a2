{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert', on_schema_change='append_new_columns') }}
{% if is_incremental() %} select 1 as id, 'b' as word, 5 as come {% else %} select 1 as id, 'a' as word {% endif %}
