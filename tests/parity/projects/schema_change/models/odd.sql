{{ config(materialized='incremental', on_schema_change='whatever') }}
select 1 as id
