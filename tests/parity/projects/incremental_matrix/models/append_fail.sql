{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
{% if is_incremental() %} select 1 as id, 50::bigint as grows, 8::numeric as kept, 'new'::varchar(9) as come {% else %} select 1 as id, 'a'::text as gone, 5::integer as grows, 7::numeric as kept {% endif %}
