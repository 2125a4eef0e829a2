-- Numerator and denominator of each metric for each unit that has a say in it, and the same of the time before the unit was
-- assigned, where the metric has one. Crossovers are left out.
select
  u.experiment_id,
  u.variant_id,
  u.unit_type,
  u.user_key,
  m.metric_name,
  -- Exact numbers: sums do not depend on the order of rows.
  m.numerator::numeric as numerator,
  m.denominator::numeric as denominator,
  m.numerator_before::numeric as numerator_before,
  m.denominator_before::numeric as denominator_before
from {{ ref('exp_unit_outcomes') }} u
cross join lateral (
  values
    ('completion_rate', u.completed_sessions::numeric, u.settled_sessions, u.completed_sessions_before, u.sessions_before),
    ('drop_off_rate', u.settled_sessions - u.completed_sessions, u.settled_sessions, null, null),
    ('engagement_rate', u.engaged_sessions, u.sessions, null, null),
    ('turns', u.settled_turns, u.settled_sessions, null, null),
    ('time_to_completion_seconds', u.completion_seconds, u.completed_sessions, null, null),
    ('satisfaction_score', u.satisfaction_sum, u.satisfaction_count, null, null),
    ('tokens_per_conversation', u.tokens_total, u.sessions, null, null),
    ('acceptance_rate', u.accepted_plans, u.plans, u.accepted_plans_before, u.plans_before),
    ('edits_per_accepted_plan', u.accepted_plan_edits, u.accepted_plans, null, null),
    ('swaps_per_plan', u.swaps, u.plans, null, null),
    ('validator_rate', u.intervened_plans, u.plans, null, null)
) as m(metric_name, numerator, denominator, numerator_before, denominator_before)
where not u.is_crossover and m.denominator > 0
