{{ config(materialized='table') }} select 10 + id as id, id as parent_id from {{ ref('parents') }}
