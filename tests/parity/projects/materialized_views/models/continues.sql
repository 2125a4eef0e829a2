{{ config(materialized='materialized_view', on_configuration_change='continue', indexes=[{'columns': ['n']}]) }}
select n from {{ ref('few') }}
