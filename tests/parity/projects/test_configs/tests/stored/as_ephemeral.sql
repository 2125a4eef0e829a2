{{ config(store_failures_as='ephemeral', warn_if='>0', error_if='=0') }}
select n from {{ ref('numbers') }} where n < 3
