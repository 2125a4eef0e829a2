{{ config(materialized='incremental', unique_key='id', grants={}) }} select 3 as id
