{{ config(materialized='incremental', on_schema_change='append_new_columns', unique_key='id') }}
select 2 as id, 'b' as word
