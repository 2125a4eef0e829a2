{{ config(materialized='table') }} select id, at from {{ source('outside', 'undated') }}
