{{ config(materialized='table') }}
select * from {{ ref('few') }}
