select id, amount from {{ ref('children') }}
