{{ config(materialized='table') }}
{#
  What each run of the regression looks at, as numbers: `main` (abandoned or completed, by what is known early), `sensitivity` (all
  closed calls: not completed or completed) and `late` (as main, with what only the end tells). Calls in which a number is missing are
  left out. More than voice_logit_max_calls say nothing new: of many, those with the least hashes are taken.
#}
{%- set terms = voice_logit_terms() %}
{%- set least = 10 %}
with

picked as (
  select f.*
  from {{ ref('voice_logit_features') }} f
  where f.final_outcome <> 'open'
    and f.first3_asr_confidence is not null
    and f.first3_intent_confidence is not null
  order by md5(f.session_id), f.session_id
  limit {{ var('voice_logit_max_calls', 20000) }}
),

in_runs as (
  select r.run, r.is_event, f.*
  from picked f
  cross join lateral (
    values ('main', f.is_in_main_run, f.is_abandoned),
           ('sensitivity', true, f.final_outcome <> 'completed'),
           ('late', f.is_in_main_run and f.late_total_duration_seconds is not null, f.is_abandoned)
  ) as r(run, is_in, is_event)
  where r.is_in
),

counted as (
  select
    l.run, l.feature, l.value,
    row_number() over (partition by l.run, l.feature order by l.calls desc, l.value) as place,
    l.events >= {{ least }} and l.calls - l.events >= {{ least }} as is_enough
  from (
    select f.run, v.feature, v.value, count(*) as calls, count(*) filter (where f.is_event) as events
    from in_runs f
    cross join lateral (values ('language', f.language), ('hour_band', f.hour_band)) as v(feature, value)
    group by 1, 2, 3
  ) l
),

-- A value that hardly ever occurs, or always with the same end, has no odds: it stays with the base.
levels as (
  select c.run, c.feature, c.value, row_number() over (partition by c.run, c.feature order by c.place) as level
  from counted c
  where c.place > 1 and c.is_enough
),

by_run as (
  select
    r.run
    {%- for term in terms if term.level %},
    max(l.value) filter (where l.feature = '{{ term.feature }}' and l.level = {{ term.level }}) as {{ term.feature }}_{{ term.level }}
    {%- endfor %}
  from (select distinct run from in_runs) r
  left join levels l on l.run = r.run
  group by r.run
)

select
  f.run,
  f.session_id,
  f.fold,
  f.is_event
  {%- for term in terms %},
  {% if term.level -%}
  coalesce((f.{{ term.feature }} = l.{{ term.feature }}_{{ term.level }})::int, 0)::double precision as v_{{ loop.index }}
  {%- elif term.late -%}
  case when f.run = 'late' then {{ term.value }} else 0 end::double precision as v_{{ loop.index }}
  {%- else -%}
  ({{ term.value }})::double precision as v_{{ loop.index }}
  {%- endif %}
  {%- endfor %},
  array[
    {%- for term in terms %}
    {% if term.level %}l.{{ term.feature }}_{{ term.level }}{% else %}null{% endif %}{{ ',' if not loop.last }}
    {%- endfor %}
  ]::text[] as levels
from in_runs f
join by_run l on l.run = f.run
