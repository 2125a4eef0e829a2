{{ config(materialized='materialized_view', on_configuration_change='fail', indexes=[{'columns': ['n']}]) }}
select * from {{ ref('few') }}
