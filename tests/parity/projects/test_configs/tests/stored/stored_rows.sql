{{ config(tags=['chosen']) }}
select n from {{ ref('numbers') }} where n < 3
