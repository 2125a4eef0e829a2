{{ config(materialized='incremental', unique_key='id', on_schema_change='append_new_columns') }}
{% if is_incremental() %} select 2 as id, 'b' as come, 2.5::numeric(6, 2) as price {% else %} select 1 as id, 'a' as gone {% endif %}
