{{ config(materialized='table', indexes=[{'columns': ['experiment_id', 'variant_id'], 'unique': true}]) }}
-- Experiments with their arms: how much traffic they have and how they do.
select
  v.experiment_id,
  v.variant_id,
  v.experiment_name,
  v.experiment_status,
  v.start_at,
  count(*) over (partition by v.experiment_id) as variant_count,
  (sum(v.assigned_units) over (partition by v.experiment_id))::bigint as total_traffic,
  v.variant_name,
  v.is_baseline,
  v.allocation,
  v.assigned_units as users,
  c.acceptance_rate,
  c.avg_edits,
  c.plan_latency_p50_ms,
  c.plan_latency_p95_ms,
  c.plan_latency_p99_ms,
  c.completion_rate,
  c.drop_off_rate
from {{ ref('exp_experiment_variants') }} v
join {{ ref('exp_variant_comparison') }} c on c.variant_id = v.variant_id
