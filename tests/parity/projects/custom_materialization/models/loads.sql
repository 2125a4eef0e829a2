{{ config(materialized='counted', post_hook="create index if not exists loads_n on {{ this }} (n)") }}
select 1 as n, '{{ 'again' if execute else '' }}' as word
