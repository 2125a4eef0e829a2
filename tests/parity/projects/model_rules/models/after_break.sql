-- depends_on: {{ ref('breaks') }}
select 1 as id
