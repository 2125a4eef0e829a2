{{ config(error_if='> 6', warn_if='> 6', limit=5) }}
select * from {{ ref('numbers') }}
