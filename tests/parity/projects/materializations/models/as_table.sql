{{ config(materialized='table', indexes=[{'columns': ['n'], 'unique': true}, {'columns': ['word', 'n'], 'type': 'btree'}]) }}
with numbers as (select * from {{ ref('doubled') }})
select * from numbers
