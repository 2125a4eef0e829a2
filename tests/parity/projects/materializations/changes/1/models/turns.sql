{{ config(materialized='view') }}
select n, 'now a view' as what from {{ ref('as_table') }}
