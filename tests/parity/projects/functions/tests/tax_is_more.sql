select * from {{ ref('numbers') }} where {{ function('add_tax') }}(n) <= n
