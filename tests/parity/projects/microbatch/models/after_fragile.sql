select count(*) as rows from {{ ref('fragile') }}
