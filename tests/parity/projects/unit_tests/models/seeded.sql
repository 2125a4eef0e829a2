select sum(person) as total from {{ ref('visits') }}
