{{ config(materialized='materialized_view', indexes=[{'columns': ['n'], 'unique': true}]) }}
select * from {{ ref('few') }}
