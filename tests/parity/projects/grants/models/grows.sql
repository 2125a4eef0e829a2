{{ config(materialized='incremental', grants={'select': ['parity_one', 'parity_two'], 'insert': ['parity_one']}) }} select 1 as n
