{{ config(materialized='incremental', incremental_strategy='append') }}
select id, '{{ 'again' if is_incremental() else 'first' }}' as load from {{ ref('arrivals') }}
