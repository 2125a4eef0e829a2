{{ config(materialized='ephemeral') }}
with v as (select * from (values (1, 'a'), (2, 'b')) as t (n, word)) select * from v
