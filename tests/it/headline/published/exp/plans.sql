select 'plans/' || v.key, v.value
from (
  select
    count(*) as plans,
    count(*) filter (where is_accepted) as accepted,
    coalesce(sum(edits) filter (where is_accepted), 0)::bigint as edits_of_accepted,
    count(*) filter (where interventions > 0) as with_intervention,
    coalesce(sum(swaps), 0)::bigint as swaps,
    count(*) filter (where is_rejected) as rejected,
    avg(is_accepted::int)::float8 as acceptance_rate,
    avg(edits) filter (where is_accepted)::float8 as avg_edits,
    avg((interventions > 0)::int)::float8 as validator_rate
  from analytics.exp_plans
) f
cross join lateral jsonb_each_text(to_jsonb(f)) as v
