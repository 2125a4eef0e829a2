{{ config(materialized='incremental', unique_key='id', unlogged=true) }} select 1 as id
