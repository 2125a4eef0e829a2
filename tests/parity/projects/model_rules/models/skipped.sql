-- depends_on: {{ ref('breaks_too') }} {{ ref('breaks') }}
select 1 as id
