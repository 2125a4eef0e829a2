{{ config(materialized='table', indexes=[{'columns': ['run']}]) }}
-- The values of int_voice__logit_values in standard deviations from their mean; 0 where all calls of a run have the same.
{%- set terms = voice_logit_terms() %}
select
  v.run,
  v.session_id,
  v.fold,
  v.is_event
  {%- for term in terms %},
  case when t.sd_{{ loop.index }} > 0 then (v.v_{{ loop.index }} - t.mean_{{ loop.index }}) / t.sd_{{ loop.index }} else 0 end
    as x_{{ loop.index }}
  {%- endfor %}
from {{ ref('int_voice__logit_values') }} v
join (
  select
    run
    {%- for term in terms %},
    max(mean) filter (where term = {{ loop.index }}) as mean_{{ loop.index }},
    max(standard_deviation) filter (where term = {{ loop.index }}) as sd_{{ loop.index }}
    {%- endfor %}
  from {{ ref('int_voice__logit_terms') }}
  group by run
) t on t.run = v.run
