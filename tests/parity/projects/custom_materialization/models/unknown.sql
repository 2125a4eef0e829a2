{{ config(materialized='not_there', enabled=var('unknown', false)) }}
select 1 as n
