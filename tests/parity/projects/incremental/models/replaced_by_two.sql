{{ config(materialized='incremental', unique_key=['id', 'part'], incremental_strategy='delete+insert') }}
select * from {{ ref('arrivals') }}
