{{ config(grants={'select': ['parity_two']}) }} select 1 as n
