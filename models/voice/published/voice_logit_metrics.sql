{{ config(materialized='table') }}
-- How well each run of the regression tells abandoned calls from others: on the calls it was fitted to, and on folds it has not seen.
{%- set size = voice_logit_terms() | length %}
with

scored as (
  select
    f.run,
    f.held_out,
    r.is_event,
    f.coefficients[1]{% for i in range(1, size + 1) %} + f.coefficients[{{ i + 1 }}] * r.x_{{ i }}{% endfor %} as score
  from {{ ref('int_voice__logit_fits') }} f
  join {{ ref('int_voice__logit_rows') }} r on r.run = f.run and (f.held_out is null or r.fold = f.held_out)
  where f.status = 'fitted'
),

-- Calls with the same score share their ranks.
ranked as (
  select
    s.run,
    s.held_out,
    s.is_event,
    rank() over (partition by s.run, s.held_out order by s.score)
      + (count(*) over (partition by s.run, s.held_out, s.score) - 1) / 2.0 as place
  from scored s
),

areas as (
  select
    r.run,
    r.held_out,
    (sum(r.place) filter (where r.is_event) - r.events * (r.events + 1) / 2.0) / nullif(r.events * (r.calls - r.events), 0) as auc
  from (
    select
      *,
      count(*) over w as calls,
      count(*) filter (where is_event) over w as events
    from ranked
    window w as (partition by run, held_out)
  ) r
  group by r.run, r.held_out, r.calls, r.events
),

folds as (
  select run, avg(auc) as auc, min(auc) as least, max(auc) as most
  from areas
  where held_out is not null
  group by run
  having count(auc) = 5
),

strongest as (
  select run, max(feature || coalesce(': ' || level, '')) as feature
  from {{ ref('voice_logit_coefficients') }}
  where is_strongest
  group by run
)

select
  f.run,
  case f.run when 'sensitivity' then 'not completed' else 'abandoned' end as outcome,
  f.sessions,
  f.events,
  f.status,
  f.steps,
  case when f.status = 'fitted' then f.log_likelihood end as log_likelihood,
  case when f.status = 'fitted' then f.coefficients[1] end as intercept,
  round(a.auc, 9)::double precision as auc_in_sample,
  round(h.auc, 9)::double precision as auc_held_out,
  round(h.least, 9)::double precision as auc_held_out_least,
  round(h.most, 9)::double precision as auc_held_out_most,
  s.feature as strongest_predictor
from {{ ref('int_voice__logit_fits') }} f
left join areas a on a.run = f.run and a.held_out is null
left join folds h on h.run = f.run
left join strongest s on s.run = f.run
where f.held_out is null
