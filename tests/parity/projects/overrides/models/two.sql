{{ config(schema='own', alias='zwei') }}
select n, how, '{{ ref('one') }}' as named from {{ ref('one') }}
