{{ config(materialized='table', indexes=[{'columns': ['experiment_id', 'metric_name']}]) }}
{#
  Each treatment against control, per metric. Rows with is_primary_unit compare ratios over assigned units (delta method);
  the others take sessions for independent, as is often done, and understate p where a unit has several.
#}
with

arm_sums as (
  select
    m.experiment_id, m.variant_id, m.metric_name,
    count(*)::double precision as n,
    sum(m.numerator) as num,
    sum(m.denominator) as den,
    sum(m.numerator * m.numerator) as num_sq,
    sum(m.denominator * m.denominator) as den_sq,
    sum(m.numerator * m.denominator) as product,
    sum(m.numerator_before) as num_before,
    sum(m.denominator_before) as den_before,
    sum(m.numerator_before * m.numerator_before) as num_before_sq,
    sum(m.denominator_before * m.denominator_before) as den_before_sq,
    sum(m.numerator_before * m.denominator_before) as product_before,
    sum(m.numerator * m.numerator_before) as num_num_before,
    sum(m.numerator * m.denominator_before) as num_den_before,
    sum(m.denominator * m.numerator_before) as den_num_before,
    sum(m.denominator * m.denominator_before) as den_den_before
  from {{ ref('int_exp__unit_metrics') }} m
  group by 1, 2, 3
),

ratios as (
  select
    s.*,
    (s.num / nullif(s.den, 0))::double precision as ratio,
    {{ ratio_variance('s.n', 's.num', 's.den', 's.num_sq', 's.den_sq', 's.product') }} as variance
  from arm_sums s
),

unit_pairs as (
  select
    c.experiment_id,
    c.variant_id as control_variant_id,
    t.variant_id as treatment_variant_id,
    c.metric_name,
    'delta_z'::text as test,
    c.n as n_c,
    t.n as n_t,
    c.ratio as control_value,
    t.ratio as treatment_value,
    sqrt(c.variance + t.variance) as standard_error,
    -- What units did before tells a part of what they do since; without it the same difference stands out clearer (CUPED).
    case when h.variance > 1e-20 then t.ratio - c.ratio - h.covariance / h.variance * h.shift end as difference_cuped,
    case when h.variance > 1e-20 then sqrt(greatest(c.variance + t.variance - h.covariance ^ 2 / h.variance, 0)) end
      as standard_error_cuped
  from ratios c
  join {{ ref('exp_experiment_variants') }} cv on cv.variant_id = c.variant_id and cv.is_baseline
  join ratios t on t.experiment_id = c.experiment_id and t.metric_name = c.metric_name and t.variant_id <> c.variant_id
  cross join lateral (select (c.num_before + t.num_before) / nullif(c.den_before + t.den_before, 0) as ratio) b
  cross join lateral {{ before_the_assignment('c', 'b.ratio') }} cb
  cross join lateral {{ before_the_assignment('t', 'b.ratio') }} tb
  cross join lateral (
    select tb.mean - cb.mean as shift, cb.variance + tb.variance as variance, cb.covariance + tb.covariance as covariance
  ) h
),

tests as (
  select
    u.experiment_id, u.control_variant_id, u.treatment_variant_id, u.metric_name, u.test, u.n_c, u.n_t, u.control_value,
    u.treatment_value, u.standard_error, u.difference_cuped, u.standard_error_cuped,
    (u.treatment_value - u.control_value) / nullif(u.standard_error, 0) as statistic,
    null::double precision as degrees_of_freedom,
    {{ normal_two_sided('(u.treatment_value - u.control_value) / nullif(u.standard_error, 0)') }} as p_value,
    true as is_primary_unit
  from unit_pairs u
  union all
  select
    s.experiment_id, s.control_variant_id, s.treatment_variant_id, s.metric_name, s.test, s.n_c, s.n_t, s.control_value,
    s.treatment_value, s.standard_error, null, null, s.statistic, s.degrees_of_freedom, s.p_value, false
  from {{ ref('int_exp__session_tests') }} s
),

judged as (
  select
    t.*,
    d.direction,
    t.is_primary_unit and d.is_primary and t.p_value is not null as is_adjusted
  from tests t
  join {{ ref('exp_metric_definitions') }} d on d.metric_name = t.metric_name
),

-- Holm: over the treatments and the primary metrics of an experiment.
stepped as (
  select
    j.*,
    case when j.is_adjusted then
      least(1, (count(*) over (partition by j.experiment_id, j.is_adjusted) + 1 - row_number() over falling) * j.p_value)
    end as stepped_p
  from judged j
  window falling as (
    partition by j.experiment_id, j.is_adjusted order by j.p_value, j.treatment_variant_id, j.metric_name, j.test
  )
),

adjusted as (
  select
    s.*,
    case when s.is_adjusted then
      max(s.stepped_p) over (
        partition by s.experiment_id, s.is_adjusted order by s.p_value, s.treatment_variant_id, s.metric_name, s.test
        rows unbounded preceding
      )
    end as p_value_adjusted
  from stepped s
),

settled as (
  select
    a.*,
    m.verdict as srm_verdict,
    case
      when m.verdict = 'mismatch' then 'invalid_srm'
      when not a.is_adjusted and a.p_value is not null then 'secondary'
      when least(a.n_c, a.n_t) < {{ var('min_test_units', 30) }} then 'too_few_units'
      when a.p_value is null then 'no_variance'
      when a.p_value_adjusted < {{ var('significance_alpha', 0.05) }} then 'significant'
      else 'not_significant'
    end as verdict
  from adjusted a
  join {{ ref('exp_srm') }} m on m.experiment_id = a.experiment_id
)

select
  s.experiment_id,
  c.experiment_name,
  s.control_variant_id,
  s.treatment_variant_id,
  c.variant_name as control_name,
  t.variant_name as treatment_name,
  s.metric_name,
  s.test,
  s.is_primary_unit,
  s.n_c::bigint as n_control,
  s.n_t::bigint as n_treatment,
  s.control_value,
  s.treatment_value,
  s.treatment_value - s.control_value as difference,
  (s.treatment_value - s.control_value) / nullif(abs(s.control_value), 0) as relative_difference,
  s.standard_error,
  s.treatment_value - s.control_value - i.reach * s.standard_error as ci_low,
  s.treatment_value - s.control_value + i.reach * s.standard_error as ci_high,
  s.statistic,
  s.degrees_of_freedom,
  s.p_value,
  s.p_value_adjusted,
  case when s.is_primary_unit then
    {{ always_valid_p('s.treatment_value - s.control_value', 's.standard_error ^ 2', var('expected_relative_effect', 0.05) ~ ' * s.control_value') }}
  end as p_value_always_valid,
  s.difference_cuped,
  s.standard_error_cuped,
  {{ normal_two_sided('s.difference_cuped / nullif(s.standard_error_cuped, 0)') }} as p_value_cuped,
  -- The difference that 4 of 5 experiments of this size would find.
  case when s.is_primary_unit then ({{ z_95() }} + 0.8416212335729143) * s.standard_error end as minimum_detectable_effect,
  s.direction,
  coalesce(case s.direction
    when 'up' then s.treatment_value > s.control_value
    when 'down' then s.treatment_value < s.control_value
  end, false) as is_improvement,
  s.verdict = 'significant' as is_significant,
  s.verdict
from settled s
join {{ ref('exp_experiment_variants') }} c on c.variant_id = s.control_variant_id
join {{ ref('exp_experiment_variants') }} t on t.variant_id = s.treatment_variant_id
-- The interval of a t test has the quantile of its degrees of freedom; below five there is none.
cross join lateral (
  select case when s.test = 'welch_t' then {{ student_quantile_95('s.degrees_of_freedom') }} else {{ z_95() }} end as reach
) i
