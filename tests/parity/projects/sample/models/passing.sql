{{ config(materialized='ephemeral', event_time='at') }} select id, at from {{ ref('visits') }}
