{{ config(materialized='incremental', full_refresh=false) }}
select count(*) as arrived from {{ ref('arrivals') }}
