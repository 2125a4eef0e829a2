{{ config(materialized=env_var('KIND', 'table')) }}
select id, {{ twice('id') }} as double, '{{ ref('a') }}' as source, '{{ var('divisor') }}' as divisor,
       id / nullif({{ var('divisor') }}, 0) as ratio, '{{ flags.FULL_REFRESH }}' as fresh, '{{ target.name }}' as target from {{ ref('e') }}
