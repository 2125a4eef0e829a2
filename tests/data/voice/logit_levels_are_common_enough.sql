-- A language or time of day of the regression has ten calls with the outcome and ten without: else it stays with the base.
{% for i in range(1, voice_logit_terms() | length + 1) if voice_logit_terms()[i - 1].level -%}
select run, {{ i }} as term
from {{ ref('int_voice__logit_values') }}
where v_{{ i }} = 1
group by run
having least(count(*) filter (where is_event), count(*) filter (where not is_event)) < 10
{{ 'union all' if not loop.last }}
{% endfor %}
