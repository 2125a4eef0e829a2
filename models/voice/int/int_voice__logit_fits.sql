{{ config(materialized='table', pre_hook='set local jit = off') }}
{#
  Maximum likelihood by Newton's steps, for all calls of a run and without each fold of them: each step is a row of the recursion. A
  step that lowers the likelihood is halved. It ends when no coefficient moves by 1e-10, when one is beyond 20 (the calls are separated:
  there is no maximum), or after 50 steps. The first coefficient is the intercept. The folds start from where all calls have led.
  Exponents are bounded, since PostgreSQL fails over numbers that are too small or too large.
#}
{%- set size = voice_logit_terms() | length + 1 %}
{%- set information = [] %}
{%- for i in range(1, size + 1) %}
{%- for j in range(1, size + 1) %}
{%- do information.append('s.h_' ~ [i, j] | min ~ '_' ~ [i, j] | max) %}
{%- endfor %}
{%- endfor %}
{%- set numbers = [] %}
{%- for term in voice_logit_terms() %}
{%- do numbers.append(loop.index) if term.number %}
{%- endfor %}
{#- What a cell of calls has of a term, as a factor; the intercept is 1. #}
{%- set factor = [''] %}
{%- for i in range(1, size) %}
{%- do factor.append(' * r.x_' ~ i) %}
{%- endfor %}
with recursive

{% for phase in ['whole', 'folds'] -%}
{{ phase }}_steps as (
  select
    f.run,
    f.held_out,
    0 as steps,
    0::bigint as sessions,
    0::bigint as events,
    f.coefficients,
    array_fill(0::double precision, array[{{ size }}]) as step,
    1::double precision as share,
    '-infinity'::double precision as log_likelihood,
    null::double precision[] as covariance,
    'infinity'::double precision as change
  from (
    {% if phase == 'whole' -%}
    select
      r.run,
      null::bigint as held_out,
      array_fill(0::double precision, array[{{ size }}]) as coefficients
    from (select distinct run from {{ ref('int_voice__logit_rows') }}) r
    {%- else -%}
    select
      w.run,
      h.held_out,
      case when (select max(abs(b)) from unnest(w.coefficients[2:]) as b) > 20
        then array_fill(0::double precision, array[{{ size }}]) else w.coefficients end as coefficients
    from whole w
    cross join generate_series(0::bigint, 4) as h(held_out)
    {%- endif %}
  ) f
  union all
  select
    n.run,
    n.held_out,
    n.steps + 1,
    s.sessions,
    s.events,
    case when j.is_better then c.coefficients else n.coefficients end,
    case when j.is_better then d.step else n.step end,
    case when j.is_better then 1 else n.share / 2 end,
    case when j.is_better then s.log_likelihood else n.log_likelihood end,
    case when j.is_better then i.covariance else n.covariance end,
    case when j.is_better then d.change else n.change / 2 end
  from {{ phase }}_steps n
  cross join lateral (
    select array_agg(n.coefficients[k] + n.share * n.step[k] order by k) as coefficients
    from generate_series(1, {{ size }}) as k
  ) c
  cross join lateral (
    select
      sum(r.calls)::bigint as sessions,
      sum(r.events)::bigint as events,
      sum(r.log_likelihood) as log_likelihood
      {%- for i in range(size) %},
      sum({{ 'r.r_' ~ i if i in numbers else 'r.r_0' ~ factor[i] }}) as g_{{ i + 1 }}
      {%- for j in range(i, size) %},
      sum(
        {%- if i in numbers and j in numbers %}r.w_{{ i }}_{{ j }}
        {%- elif i in numbers %}r.w_{{ i }}{{ factor[j] }}
        {%- elif j in numbers %}r.w_{{ j }}{{ factor[i] }}
        {%- else %}r.w_0{{ factor[i] }}{{ factor[j] }}
        {%- endif -%}
      ) as h_{{ i + 1 }}_{{ j + 1 }}
      {%- endfor %}
      {%- endfor %}
    from (
      -- Added up by cells first: what is no number is the same in a cell, so few sums are left for each call.
      select
        {%- for i in range(1, size) if i not in numbers %}
        p.x_{{ i }},
        {%- endfor %}
        count(*) as calls,
        count(*) filter (where p.is_event) as events,
        sum(p.is_event::int * p.eta - greatest(p.eta, 0) - ln(1 + exp(-abs(p.eta)))) as log_likelihood,
        sum(p.is_event::int - p.p) as r_0,
        sum(p.weight) as w_0
        {%- for i in numbers %},
        sum((p.is_event::int - p.p) * p.x_{{ i }}) as r_{{ i }},
        sum(p.weight * p.x_{{ i }}) as w_{{ i }}
        {%- for j in numbers if j >= i %},
        sum(p.weight * p.x_{{ i }} * p.x_{{ j }}) as w_{{ i }}_{{ j }}
        {%- endfor %}
        {%- endfor %}
      from (
        select e.*, 1 / (1 + exp(-e.eta)) as p, exp(-least(abs(e.eta), 40)) / (1 + exp(-least(abs(e.eta), 40))) ^ 2 as weight
        from (
          select
            x.*,
            greatest(-500, least(500, c.coefficients[1]
              {%- for i in range(2, size + 1) %} + c.coefficients[{{ i }}] * x.x_{{ i - 1 }}{% endfor %})) as eta
          from {{ ref('int_voice__logit_rows') }} x
          where x.run = n.run
            and (n.held_out is null or x.fold <> n.held_out)
          offset 0
        ) e
        offset 0
      ) p
      group by {% for i in range(1, size) if i not in numbers %}p.x_{{ i }}{{ ', ' if not loop.last }}{% endfor %}
    ) r
  ) s
  cross join lateral (
    select {{ symmetric_inverse('array[' ~ information | join(', ') ~ ']', size) }} as covariance
    offset 0
  ) i
  cross join lateral (
    select array_agg(m.moved order by m.k) as step, max(abs(m.moved)) as change
    from (
      select g.k, sum(i.covariance[(g.k - 1) * {{ size }} + h.k] * h.gradient) as moved
      from generate_series(1, {{ size }}) as g(k)
      cross join unnest(array[{% for i in range(1, size + 1) %}s.g_{{ i }}{{ ', ' if not loop.last }}{% endfor %}])
        with ordinality as h(gradient, k)
      group by g.k
    ) m
  ) d
  cross join lateral (
    select s.log_likelihood >= n.log_likelihood - 1e-9 as is_better
  ) j
  where n.steps < 50
    and n.change >= 1e-10
    and s.sessions > 0
    and (select max(abs(b)) from unnest(n.coefficients[2:]) as b) <= 20
),

{{ phase }} as (
  select distinct on (run, held_out) *
  from {{ phase }}_steps
  where steps > 0
  order by run, held_out, steps desc
){{ ',' if not loop.last }}

{% endfor %}
select
  n.run,
  n.held_out,
  n.sessions,
  n.events,
  n.steps::bigint as steps,
  case
    when least(n.events, n.sessions - n.events) < 10 then 'too_few'
    when (select max(abs(b)) from unnest(n.coefficients[2:]) as b) > 20 then 'separated'
    when n.change >= 1e-10 then 'not_converged'
    else 'fitted'
  end as status,
  round(nullif(n.log_likelihood, '-infinity')::numeric, 9)::double precision as log_likelihood,
  (
    select array_agg(round(b::numeric, 9)::double precision order by k)
    from unnest(n.coefficients) with ordinality as u(b, k)
  ) as coefficients,
  (
    select array_agg(case when v > 0 then round(sqrt(v)::numeric, 9)::double precision end order by k)
    from (select k, n.covariance[(k - 1) * {{ size + 1 }} + 1] as v from generate_series(1, {{ size }}) as k) e
  ) as standard_errors
from (
  select * from whole
  union all
  select * from folds
) n
