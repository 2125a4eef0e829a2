{{ config(materialized='table') }}

select
    ordered_on,
    count(*) as orders,
    sum(amount)::numeric(12, 2) as revenue
from {{ ref('stg_orders') }}
group by ordered_on
