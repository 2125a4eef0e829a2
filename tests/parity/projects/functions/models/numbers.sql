{{ config(materialized='table') }}
select 10 as n union all select 20
