{{ config(materialized='table') }}
{#
  What the regression of abandonment finds, feature by feature. A feature is called the strongest predictor only when its z is the
  largest of the run, its p-value is below 0.05, and all five fits without a fold of the calls agree on its sign.
#}
{%- set size = voice_logit_terms() | length %}
with

correlations as (
  select
    r.run,
    {%- for i in range(1, size + 1) %}
    {%- for j in range(i, size + 1) %}
    sum(r.x_{{ i }} * r.x_{{ j }}) / nullif(count(*) - 1, 0) as r_{{ i }}_{{ j }}{{ ',' if not (loop.last and i == size) }}
    {%- endfor %}
    {%- endfor %}
  from {{ ref('int_voice__logit_rows') }} r
  group by r.run
),

{% set matrix = [] -%}
{% for i in range(1, size + 1) -%}
{% for j in range(1, size + 1) -%}
{% do matrix.append('c.r_' ~ [i, j] | min ~ '_' ~ [i, j] | max) -%}
{% endfor -%}
{% endfor -%}
inflation as (
  select c.run, {{ symmetric_inverse('array[' ~ matrix | join(', ') ~ ']', size) }} as inverse
  from correlations c
),

agreeing as (
  select t.run, t.term, count(*) as folds
  from {{ ref('int_voice__logit_terms') }} t
  join {{ ref('int_voice__logit_fits') }} a on a.run = t.run and a.held_out is null
  join {{ ref('int_voice__logit_fits') }} f on f.run = t.run and f.held_out is not null and f.status = 'fitted'
  where sign(f.coefficients[t.term + 1]) = sign(a.coefficients[t.term + 1])
  group by 1, 2
),

found as (
  select
    t.*,
    case when f.standard_errors[t.term + 1] is not null then f.coefficients[t.term + 1] end as coefficient,
    f.standard_errors[t.term + 1] as standard_error,
    f.coefficients[t.term + 1] / nullif(f.standard_errors[t.term + 1], 0) as z,
    case when f.status is not null then nullif(i.inverse[(t.term - 1) * {{ size + 1 }} + 1], 0) end as vif,
    case when f.status is not null then coalesce(a.folds, 0) end as folds
  from {{ ref('int_voice__logit_terms') }} t
  left join {{ ref('int_voice__logit_fits') }} f on f.run = t.run and f.held_out is null and f.status = 'fitted'
  left join inflation i on i.run = t.run
  left join agreeing a on a.run = t.run and a.term = t.term
  where t.standard_deviation > 0
),

judged as (
  select
    f.*,
    {{ normal_two_sided('f.z') }} as p_value,
    row_number() over (partition by f.run order by abs(f.z) desc nulls last, f.term) as place
  from found f
)

select
  j.run,
  j.feature,
  j.level,
  j.is_late,
  j.mean,
  j.standard_deviation,
  j.coefficient,
  j.standard_error,
  round(j.z::numeric, 9)::double precision as z,
  j.p_value,
  {{ bounded_exp('j.coefficient') }} as odds_ratio,
  {{ bounded_exp('j.coefficient - ' ~ z_95() ~ ' * j.standard_error') }} as odds_ratio_low,
  {{ bounded_exp('j.coefficient + ' ~ z_95() ~ ' * j.standard_error') }} as odds_ratio_high,
  case when j.feature like 'first3%' then {{ bounded_exp('j.coefficient / j.standard_deviation * 0.1') }} end as odds_ratio_per_tenth,
  round(j.vif::numeric, 9)::double precision as vif,
  j.folds::bigint as folds_agreeing,
  coalesce(j.place = 1 and j.p_value < 0.05 and j.folds = 5, false) as is_strongest
from judged j
