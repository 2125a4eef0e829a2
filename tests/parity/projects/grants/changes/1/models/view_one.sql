{{ config(grants={}) }} select 1 as n
