{{ config(event_time='happened') }}
select * from {{ source('raw', 'source_events') }}
