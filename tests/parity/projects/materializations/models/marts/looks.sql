{{ config(materialized='view') }}
select * from {{ ref('named') }}
