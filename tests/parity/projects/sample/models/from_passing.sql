select id from {{ ref('passing') }} where id > 1
