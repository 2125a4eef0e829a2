{{ config(materialized='table') }}
{#
  Sample ratio mismatch: do the assigned units of an experiment split as its allocation says? Shares are taken as the
  platform deals them: in the order of creation, the last arm gets what is left.
#}
with

arms as (
  select
    v.experiment_id,
    v.variant_id,
    v.variant_name,
    row_number() over ordered as position,
    row_number() over ordered = count(*) over (partition by v.experiment_id) as is_last,
    coalesce(sum(v.allocation) over (ordered rows between unbounded preceding and 1 preceding), 0) as dealt_before,
    sum(v.allocation) over ordered as dealt,
    coalesce(a.units, 0) as units
  from {{ ref('stg_exp__variants') }} v
  left join (
    select variant_id, count(*) as units from {{ ref('stg_exp__assignments') }} group by variant_id
  ) a on a.variant_id = v.variant_id
  window ordered as (partition by v.experiment_id order by v.created_at, v.variant_id)
),

shares as (
  select
    a.*,
    case when a.is_last then 1 - least(a.dealt_before, 1) else least(a.dealt, 1) - least(a.dealt_before, 1) end
      as expected_share,
    sum(a.units) over (partition by a.experiment_id) as assigned_units
  from arms a
),

compared as (
  select
    s.experiment_id,
    max(s.assigned_units)::bigint as assigned_units,
    count(*) as variants,
    array_agg(s.variant_name order by s.position) as variant_names,
    array_agg(s.units::bigint order by s.position) as observed_units,
    array_agg((s.assigned_units * s.expected_share)::double precision order by s.position) as expected_units,
    -- An arm that should have no units and has some is a mismatch whatever the numbers.
    bool_or(s.expected_share = 0 and s.units > 0) as has_impossible_units,
    count(*) filter (where s.expected_share > 0) as arms_with_share,
    min(s.assigned_units * s.expected_share) filter (where s.expected_share > 0) as least_expected,
    sum(
      case when s.assigned_units * s.expected_share > 0 then
        (s.units - s.assigned_units * s.expected_share) ^ 2 / (s.assigned_units * s.expected_share)
      end
    )::double precision as chi_square
  from shares s
  group by s.experiment_id
),

tested as (
  select
    c.*,
    greatest(c.arms_with_share - 1, 0)::bigint as degrees_of_freedom,
    {{ chi_square_upper_tail('c.chi_square', 'nullif(greatest(c.arms_with_share - 1, 0), 0)') }} as p_value
  from compared c
)

select
  t.experiment_id,
  e.experiment_name,
  e.status as experiment_status,
  t.variants,
  t.variant_names,
  t.observed_units,
  t.expected_units,
  t.assigned_units,
  t.chi_square,
  t.degrees_of_freedom,
  t.p_value,
  coalesce(o.crossover_units, 0)::bigint as crossover_units,
  coalesce(o.mismatched_units, 0)::bigint as mismatched_units,
  coalesce(o.unassigned_units, 0)::bigint as unassigned_units,
  case
    when t.assigned_units = 0 then 'no_units'
    when t.has_impossible_units then 'mismatch'
    when t.p_value is null then 'one_arm'
    when t.least_expected < 5 then 'too_few_units'
    when t.p_value < {{ var('srm_alpha', 0.001) }} then 'mismatch'
    else 'ok'
  end as verdict
from tested t
join {{ ref('stg_exp__experiments') }} e on e.experiment_id = t.experiment_id
left join (
  select
    u.experiment_id,
    count(*) filter (where u.is_crossover) as crossover_units,
    count(*) filter (where u.variant_mismatch) as mismatched_units,
    count(*) filter (where u.variant_source = 'event') as unassigned_units
  from {{ ref('exp_unit_outcomes') }} u
  group by u.experiment_id
) o on o.experiment_id = t.experiment_id
