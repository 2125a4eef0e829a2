{{ config(materialized='table') }}
select unnest(array['w0', 'w1']) as word
