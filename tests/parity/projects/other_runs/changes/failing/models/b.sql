{{ config(materialized=env_var('KIND', 'table')) }}
select id, {{ twice('id') }} as double, '{{ ref('a') }}' as source, '{{ var('divisor') }}' as divisor,
       id / {{ var('divisor') }} as ratio, '{{ flags.FULL_REFRESH }}' as fresh, '{{ target.name }}' as target from {{ ref('e') }}
