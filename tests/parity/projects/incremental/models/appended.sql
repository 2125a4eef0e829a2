{{ config(materialized='incremental') }}
select * from {{ ref('arrivals') }}
{% if is_incremental() %} where at > (select max(at) from {{ this }}) {% endif %}
