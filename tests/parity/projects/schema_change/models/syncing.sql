{{ config(materialized='incremental', unique_key='id', on_schema_change='sync_all_columns') }}
{% if is_incremental() %} select 2 as id, 'b' as come, 'longer text'::varchar(20) as word {% else %} select 1 as id, 'a' as gone, 'x'::varchar(5) as word {% endif %}
