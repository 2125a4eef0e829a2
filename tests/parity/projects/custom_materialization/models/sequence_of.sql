{{ config(materialized='sequence', start=5) }}
select 1
