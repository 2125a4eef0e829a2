{{ config(materialized='incremental', unique_key='id') }}
select 1 as id, 'abc'::varchar(3) as code
{% if is_incremental() %} union all select 2, 'abcdef'::varchar(6) {% endif %}
