{{ config(materialized='incremental', unique_key=['id', 'part'], incremental_strategy='merge', merge_update_columns=['amount']) }}
select * from {{ ref('arrivals') }}
