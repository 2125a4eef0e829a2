{{ config(materialized='incremental', unique_key='id', grants={'select': ['parity_two'], '+insert': ['parity_one']}) }} select 1 as id union all select 2
