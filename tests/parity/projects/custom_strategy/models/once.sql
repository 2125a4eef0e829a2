{{ config(materialized='incremental', incremental_strategy='insert_only', unique_key='id') }}
select 1 as id, 'first' as word
{% if is_incremental() %} union all select 2, 'second' {% endif %}
