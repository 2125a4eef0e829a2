{{ config(materialized='table') }}
-- The features of each run of the regression, with what they are standardised by. Of numeric: floating point depends on the order of rows.
{%- set terms = voice_logit_terms() %}
select
  m.run,
  t.term::bigint as term,
  t.feature,
  m.levels[t.term] as level,
  t.is_late,
  round(t.mean, 12)::double precision as mean,
  round(coalesce(t.sd, 0), 12)::double precision as standard_deviation
from (
  select
    v.run,
    min(v.levels) as levels
    {%- for term in terms %},
    avg(v.v_{{ loop.index }}::numeric) as mean_{{ loop.index }},
    stddev_samp(v.v_{{ loop.index }}::numeric) as sd_{{ loop.index }}
    {%- endfor %}
  from {{ ref('int_voice__logit_values') }} v
  group by v.run
) m
cross join lateral (
  values
    {%- for term in terms %}
    ({{ loop.index }}, '{{ term.feature }}', {{ 'true' if term.late else 'false' }}, m.mean_{{ loop.index }}, m.sd_{{ loop.index }})
    {{- ',' if not loop.last }}
    {%- endfor %}
) as t(term, feature, is_late, mean, sd)
