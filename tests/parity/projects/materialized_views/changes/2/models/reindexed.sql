{{ config(materialized='materialized_view', on_configuration_change='fail', indexes=[{'columns': ['word']}]) }}
select * from {{ ref('few') }}
