select id + 0 as id from {{ ref('raw') }}
