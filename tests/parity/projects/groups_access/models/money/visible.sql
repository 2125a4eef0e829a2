{{ config(access='public') }}
select n + 1 as n from {{ ref('hidden') }}
