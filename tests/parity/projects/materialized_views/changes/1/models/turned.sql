{{ config(materialized='materialized_view') }}
select n from {{ ref('few') }}
