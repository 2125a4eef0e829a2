{{ config(materialized='table', grants={'select': []}) }} select 1 as id, 'a' as word, 2 as "Mixed Case", 3 as empty
