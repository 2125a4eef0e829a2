{{ config(materialized='incremental', pre_hook=["insert into parity.heard (what) values ('incremental {{ is_incremental() }}')"]) }}
select 1 as n
