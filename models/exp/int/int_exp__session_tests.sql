-- Tests that take sessions for independent, as is often done. They are not where one person has several sessions.
with

pairs as (
  select c.experiment_id, c.variant_id as control_variant_id, t.variant_id as treatment_variant_id
  from {{ ref('exp_experiment_variants') }} c
  join {{ ref('exp_experiment_variants') }} t on t.experiment_id = c.experiment_id and not t.is_baseline
  where c.is_baseline
),

observed as (
  select p.experiment_id, p.control_variant_id, p.treatment_variant_id, x.variant_id = p.treatment_variant_id as treated,
         s.status, s.turns::numeric as turns, s.time_to_completion_seconds::numeric as seconds
  from pairs p
  join {{ ref('exp_session_experiments') }} x
    on x.experiment_id = p.experiment_id and x.variant_id in (p.control_variant_id, p.treatment_variant_id)
  join {{ ref('exp_conversation_sessions') }} s on s.session_id = x.session_id
  where s.is_settled and not x.is_crossover and not x.is_pre_exposure
),

counted as (
  select
    o.experiment_id, o.control_variant_id, o.treatment_variant_id,
    count(*) filter (where not o.treated)::double precision as n_c,
    count(*) filter (where o.treated)::double precision as n_t,
    count(*) filter (where not o.treated and o.status = 'completed')::double precision as k_c,
    count(*) filter (where o.treated and o.status = 'completed')::double precision as k_t
  from observed o
  group by 1, 2, 3
),

completion as (
  select
    c.experiment_id, c.control_variant_id, c.treatment_variant_id,
    'completion_rate'::text as metric_name,
    'chi_square'::text as test,
    c.n_c, c.n_t,
    c.k_c / nullif(c.n_c, 0) as control_value,
    c.k_t / nullif(c.n_t, 0) as treatment_value,
    sqrt(
      c.k_c / nullif(c.n_c, 0) * (1 - c.k_c / nullif(c.n_c, 0)) / nullif(c.n_c, 0)
      + c.k_t / nullif(c.n_t, 0) * (1 - c.k_t / nullif(c.n_t, 0)) / nullif(c.n_t, 0)
    ) as standard_error,
    (c.n_c + c.n_t) * (c.k_c * (c.n_t - c.k_t) - c.k_t * (c.n_c - c.k_c)) ^ 2
      / nullif(c.n_c * c.n_t * (c.k_c + c.k_t) * (c.n_c + c.n_t - c.k_c - c.k_t), 0) as statistic,
    1::double precision as degrees_of_freedom
  from counted c
),

measured as (
  select o.experiment_id, o.control_variant_id, o.treatment_variant_id, o.treated, m.metric_name, m.value
  from observed o
  cross join lateral (values ('turns', o.turns), ('time_to_completion_seconds', o.seconds)) as m(metric_name, value)
  where m.value is not null
),

moments as (
  select
    m.experiment_id, m.control_variant_id, m.treatment_variant_id, m.metric_name,
    count(*) filter (where not m.treated)::double precision as n_c,
    count(*) filter (where m.treated)::double precision as n_t,
    (avg(m.value) filter (where not m.treated))::double precision as mean_c,
    (avg(m.value) filter (where m.treated))::double precision as mean_t,
    (var_samp(m.value) filter (where not m.treated))::double precision as var_c,
    (var_samp(m.value) filter (where m.treated))::double precision as var_t,
    percentile_cont(0.5) within group (order by m.value::double precision) filter (where not m.treated) as median_c,
    percentile_cont(0.5) within group (order by m.value::double precision) filter (where m.treated) as median_t
  from measured m
  group by 1, 2, 3, 4
),

welch as (
  select
    m.experiment_id, m.control_variant_id, m.treatment_variant_id, m.metric_name,
    'welch_t'::text as test,
    m.n_c, m.n_t,
    m.mean_c as control_value,
    m.mean_t as treatment_value,
    sqrt(v.c + v.t) as standard_error,
    (m.mean_t - m.mean_c) / nullif(sqrt(v.c + v.t), 0) as statistic,
    (v.c + v.t) ^ 2 / nullif(v.c ^ 2 / nullif(m.n_c - 1, 0) + v.t ^ 2 / nullif(m.n_t - 1, 0), 0) as degrees_of_freedom
  from moments m
  cross join lateral (select m.var_c / nullif(m.n_c, 0) as c, m.var_t / nullif(m.n_t, 0) as t) v
),

ranked as (
  select
    m.*,
    rank() over same_pair + (count(*) over same_value - 1) / 2.0::double precision as middle_rank,
    count(*) over same_value as ties,
    row_number() over same_value as nth_tie
  from measured m
  window
    same_pair as (partition by m.experiment_id, m.control_variant_id, m.treatment_variant_id, m.metric_name order by m.value),
    same_value as (partition by m.experiment_id, m.control_variant_id, m.treatment_variant_id, m.metric_name, m.value)
),

rank_sums as (
  select
    r.experiment_id, r.control_variant_id, r.treatment_variant_id, r.metric_name,
    sum(r.middle_rank) filter (where r.treated) as treated_ranks,
    sum(case when r.nth_tie = 1 then r.ties::double precision ^ 3 - r.ties else 0 end) as tie_term
  from ranked r
  group by 1, 2, 3, 4
),

mann_whitney as (
  select
    m.experiment_id, m.control_variant_id, m.treatment_variant_id, m.metric_name,
    'mann_whitney'::text as test,
    m.n_c, m.n_t,
    m.median_c as control_value,
    m.median_t as treatment_value,
    u.u,
    sqrt(
      m.n_c * m.n_t / 12 * ((m.n_c + m.n_t + 1) - r.tie_term / nullif((m.n_c + m.n_t) * (m.n_c + m.n_t - 1), 0))
    ) as u_deviation
  from moments m
  join rank_sums r
    on r.experiment_id = m.experiment_id and r.control_variant_id = m.control_variant_id
   and r.treatment_variant_id = m.treatment_variant_id and r.metric_name = m.metric_name
  cross join lateral (select r.treated_ranks - m.n_t * (m.n_t + 1) / 2 as u) u
  where m.n_c > 0 and m.n_t > 0
)

select
  c.experiment_id, c.control_variant_id, c.treatment_variant_id, c.metric_name, c.test, c.n_c, c.n_t,
  c.control_value, c.treatment_value, c.standard_error, c.statistic, c.degrees_of_freedom,
  {{ chi_square_upper_tail('c.statistic', '1') }} as p_value
from completion c
union all
select
  w.experiment_id, w.control_variant_id, w.treatment_variant_id, w.metric_name, w.test, w.n_c, w.n_t,
  w.control_value, w.treatment_value, w.standard_error, w.statistic, w.degrees_of_freedom,
  {{ student_two_sided('w.statistic', 'w.degrees_of_freedom') }}
from welch w
union all
select
  u.experiment_id, u.control_variant_id, u.treatment_variant_id, u.metric_name, u.test, u.n_c, u.n_t,
  u.control_value, u.treatment_value, null, u.u, null,
  -- Normal approximation with the corrections for ties and for continuity.
  {{ normal_two_sided('greatest(abs(u.u - u.n_c * u.n_t / 2) - 0.5, 0) / nullif(u.u_deviation, 0)') }}
from mann_whitney u
