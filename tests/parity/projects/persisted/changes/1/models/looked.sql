{{ config(grants={'select': ['parity_two']}) }} select 1 as id, 2 as "Other"
