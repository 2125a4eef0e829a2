{{ config(materialized='incremental', unique_key=['id', 'part'], incremental_strategy='merge') }}
select * from {{ ref('arrivals') }}
