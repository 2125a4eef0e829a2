{{ config(materialized='table', tags=['c']) }} select n from {{ ref('b') }}
