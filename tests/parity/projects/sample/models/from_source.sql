{{ config(materialized='table', event_time='at') }} select id, at from {{ source('outside', 'visits') }}
