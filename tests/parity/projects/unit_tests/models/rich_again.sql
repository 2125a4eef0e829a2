select id, data #>> '{a,0}' as first, amount, on_day + 1 as next_day, not ok as ok, upper("Mixed") as "Mixed", word, at + interval '1 hour' as hour from {{ ref('kinds') }}
