-- At a maximum of the likelihood the residuals balance: of the intercept, and of each feature. In standard deviations, per call.
select f.run, f.held_out
from {{ ref('int_voice__logit_fits') }} f
cross join lateral (
  select {% for i in range(voice_logit_terms() | length) %}
    greatest(abs(avg(p.residual)), abs(avg(p.residual * p.x_{{ i + 1 }}))){{ ' , ' if not loop.last }}
    {%- endfor %}
  from (
    select r.*, r.is_event::int - 1 / (1 + exp(-greatest(-500, least(500, f.coefficients[1]
      {%- for i in range(voice_logit_terms() | length) %} + f.coefficients[{{ i + 2 }}] * r.x_{{ i + 1 }}{% endfor %})))) as residual
    from {{ ref('int_voice__logit_rows') }} r
    where r.run = f.run and (f.held_out is null or r.fold <> f.held_out)
  ) p
) as b({% for i in range(voice_logit_terms() | length) %}b_{{ i + 1 }}{{ ', ' if not loop.last }}{% endfor %})
where f.status = 'fitted'
  and greatest({% for i in range(voice_logit_terms() | length) %}b.b_{{ i + 1 }}{{ ', ' if not loop.last }}{% endfor %}) > 1e-6
