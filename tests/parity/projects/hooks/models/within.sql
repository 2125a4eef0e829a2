{{ config(materialized='table', pre_hook="{{ say('before within') }}", post_hook=["create index on {{ this }} (n)", {"sql": "vacuum {{ this }}", "transaction": false}]) }}
select 1 as n
