{{ config(grants={'+select': ['parity_two', 'parity_one']}) }} select 1 as id
