{{ config(materialized='incremental', on_schema_change='append_new_columns') }}
select 2 as id, 'new' as come
