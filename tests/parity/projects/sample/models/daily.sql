{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='id', event_time='at', begin='2020-01-01', batch_size='day') }} select id, at from {{ ref('visits') }}
