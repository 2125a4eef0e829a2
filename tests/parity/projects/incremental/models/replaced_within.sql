{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert', incremental_predicates=["amount < 31"]) }}
select id, part, amount from {{ ref('arrivals') }}
