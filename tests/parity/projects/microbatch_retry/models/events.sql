{{ config(event_time='happened') }} select id, amount, happened from {{ source('raw', 'source_events') }}
