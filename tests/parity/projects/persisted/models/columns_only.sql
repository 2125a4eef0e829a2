{{ config(materialized='table', grants={'select': [], '+insert': 'parity_two'}) }} select 1 as id
