{{ config(materialized='ephemeral') }}
-- a comment with { braces } and a semicolon;
with v as (select n + 10 as n, word from {{ ref('base') }}) select * from v
