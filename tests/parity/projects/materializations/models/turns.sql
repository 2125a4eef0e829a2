{{ config(materialized='table') }}
select n from {{ ref('as_table') }}
