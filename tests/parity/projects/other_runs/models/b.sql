{{ config(materialized=env_var('KIND', 'table')) }}
select id, {{ twice('id') }} as double, '{{ ref('a') }}' as source, '{{ var('divisor') }}' as divisor from {{ ref('e') }}
