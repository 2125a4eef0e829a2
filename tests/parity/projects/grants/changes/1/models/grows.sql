{{ config(materialized='incremental', grants={'select': ['parity_two'], 'insert': []}) }} select 2 as n
