{{ config(materialized='table') }}
select id, 'a' as word from {{ ref('c') }}
