{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='id', event_time='happened', batch_size='year', begin='2023-01-01') }}
select id, amount, happened, '{{ model.batch.id if model.batch else 'none' }}' as batch from {{ source('raw', 'source_events') }}
