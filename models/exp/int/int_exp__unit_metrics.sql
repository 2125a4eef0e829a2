-- Numerator and denominator of each metric for each unit that has a say in it. Crossovers are left out.
select
  u.experiment_id,
  u.variant_id,
  u.unit_type,
  u.user_key,
  m.metric_name,
  -- Exact numbers: sums do not depend on the order of rows.
  m.numerator::numeric as numerator,
  m.denominator::numeric as denominator
from {{ ref('exp_unit_outcomes') }} u
cross join lateral (
  values
    ('completion_rate', u.completed_sessions::numeric, u.settled_sessions),
    ('drop_off_rate', u.settled_sessions - u.completed_sessions, u.settled_sessions),
    ('engagement_rate', u.engaged_sessions, u.sessions),
    ('turns', u.settled_turns, u.settled_sessions),
    ('time_to_completion_seconds', u.completion_seconds, u.completed_sessions),
    ('satisfaction_score', u.satisfaction_sum, u.satisfaction_count),
    ('tokens_per_conversation', u.tokens_total, u.sessions),
    ('acceptance_rate', u.accepted_plans, u.plans),
    ('edits_per_accepted_plan', u.accepted_plan_edits, u.accepted_plans),
    ('swaps_per_plan', u.swaps, u.plans),
    ('validator_rate', u.intervened_plans, u.plans)
) as m(metric_name, numerator, denominator)
where not u.is_crossover and m.denominator > 0
