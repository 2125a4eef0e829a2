{{ config(materialized='table') }} select * from {{ ref('fragile') }}
