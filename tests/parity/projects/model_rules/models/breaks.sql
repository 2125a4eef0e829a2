{{ config(materialized='table', on_error='continue') }}
select 1 / 0 as id
