{{ config(tags=['b', 'nightly']) }} select n from {{ ref('a') }}
