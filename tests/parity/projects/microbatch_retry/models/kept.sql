{{ config(materialized='incremental', unique_key='id') }} select id from {{ ref('few') }} union all select id + 100 from {{ source('raw', 'source_events') }}
