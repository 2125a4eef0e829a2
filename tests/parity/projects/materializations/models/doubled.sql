{{ config(materialized='ephemeral') }}
select n * 2 as n, word from {{ ref('numbers') }}
