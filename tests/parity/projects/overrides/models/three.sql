{{ config(materialized='incremental', unique_key='n') }}
select n from {{ ref('one') }}
