{{ config(materialized='materialized_view', grants={'select': ['parity_two']}) }} select 1 as id
