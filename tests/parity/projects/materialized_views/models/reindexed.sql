{{ config(materialized='materialized_view', indexes=[{'columns': ['n']}]) }}
select * from {{ ref('few') }}
