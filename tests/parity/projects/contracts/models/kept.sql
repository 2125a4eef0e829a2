{{ config(materialized='incremental', on_schema_change='append_new_columns', unique_key='id') }}
select 1 as id, 'a' as word
