{{ config(materialized='ephemeral', alias='other') }}
select n + 20 as n, word from {{ ref('base') }}
