select id from {{ ref('kinds') }}
