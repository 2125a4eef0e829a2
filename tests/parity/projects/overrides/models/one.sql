{{ config(materialized='table') }}
select n from (values (1), (2), (3)) v (n)
