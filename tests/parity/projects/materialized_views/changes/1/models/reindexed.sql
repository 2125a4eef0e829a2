{{ config(materialized='materialized_view', indexes=[{'columns': ['word'], 'type': 'hash'}]) }}
select * from {{ ref('few') }}
