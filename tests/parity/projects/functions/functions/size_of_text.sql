select length(x) + (select count(*)::int from {{ ref('numbers') }})
