select 'slot/' || v.key, v.value
from (
  select
    sum(requests)::bigint as requests,
    sum(filled_requests)::bigint as filled,
    sum(attempts_until_fill)::bigint as attempts,
    sum(filled_requests)::float8 / sum(requests)::float8 as fill_rate,
    sum(attempts_until_fill)::float8 / sum(filled_requests)::float8 as attempts_per_fill
  from analytics.rasa_slot_funnel
) f
cross join lateral jsonb_each_text(to_jsonb(f)) as v
