{{ config(materialized='table') }}
with recursive r as (select min(n) as n from {{ ref('left_side') }} union all select n + 1 from r where n < 14)
select n from r
