{{ config(materialized='incremental', unique_key='part') }}
select part, sum(amount) as amount from {{ ref('arrivals') }} group by part
