{{ config(materialized='table') }}
select 1 as id, 'Ada' as name, true as "Quoted Name"
