select id, word from {{ ref('kinds') }}
