{{ config(materialized='table') }} select id, at as "Seen At" from {{ ref('from_undated') }}
