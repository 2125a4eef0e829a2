{{ config(materialized='materialized_view', on_configuration_change='continue', indexes=[{'columns': ['n'], 'unique': true}]) }}
select n from {{ ref('few') }}
