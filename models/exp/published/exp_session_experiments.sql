{{
  config(
    materialized=session_materialization(),
    unique_key='session_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['session_id', 'experiment_id'], 'unique': true},
      {'columns': ['experiment_id', 'variant_id']},
      {'columns': ['source_ingested_at']},
      {'columns': ['assignment_ingested_at']},
    ]
  )
}}
-- depends_on: {{ ref('base_exp__events') }}
with

{% if is_incremental() -%}
-- Crossover is a fact of the unit, so all sessions of a unit are judged again.
touched_units as (
  select b.unit_type, b.unit_id
  from {{ ref('base_exp__events') }} b
  where {{ at_or_after('b._known_at', ingested_since(this)) }}
  union
  select a.unit_type, a.unit_id
  from {{ ref('stg_exp__assignments') }} a
  where {{ at_or_after('a.created_at', ingested_since(this, 'assignment_ingested_at')) }}
),

touched as (
  select distinct b.session_id
  from {{ ref('base_exp__events') }} b
  join touched_units u on u.unit_type = b.unit_type and u.unit_id = b.unit_id
  where b.session_id is not null
),
{%- endif %}

copies as (
  select e.*
  from {{ ref('base_exp__events') }} e
  where e.quarantine_reason is null
    and e.session_id is not null
    and e.event_type in {{ conversation_event_types() }}
    {% if is_incremental() -%}
    and e.session_id in (select t.session_id from touched t)
    {%- endif %}
),

-- The unit of a session is the unit of its first event.
session_units as (
  select
    e.session_id,
    (array_agg(e.unit_type order by e.event_at, e.event_id))[1] as unit_type,
    (array_agg(e.unit_id order by e.event_at, e.event_id))[1] as unit_id
  from copies e
  where e.verdict = 'accepted'
  group by e.session_id
),

embedded as (
  -- Copies take part: an experiment that a session was once seen in never leaves it.
  select
    e.session_id,
    (m.doc ->> 'experiment_id')::uuid as experiment_id,
    (array_agg((m.doc ->> 'variant_id')::uuid order by e.event_at, e.event_id, m.ordinal))[1] as embedded_variant_id,
    array_agg(distinct (m.doc ->> 'variant_id')::uuid) as embedded_variant_ids,
    count(distinct e.event_id) filter (where e.verdict = 'accepted') as event_count
  from copies e
  cross join lateral jsonb_array_elements(e.experiments) with ordinality as m(doc, ordinal)
  group by 1, 2
),

crossovers as (
  select e.unit_type, e.unit_id, (m.doc ->> 'experiment_id')::uuid as experiment_id
  from {{ ref('stg_exp__events') }} e
  cross join lateral jsonb_array_elements(e.experiments) as m(doc)
  {% if is_incremental() -%}
  where (e.unit_type, e.unit_id) in (select u.unit_type, u.unit_id from session_units u)
  {%- endif %}
  group by 1, 2, 3
  having count(distinct m.doc ->> 'variant_id') > 1
)

select
  s.session_id,
  x.experiment_id,
  coalesce(a.variant_id, x.embedded_variant_id) as variant_id,
  s.user_key,
  s.start_date,
  x.embedded_variant_id,
  a.variant_id as assigned_variant_id,
  case when a.variant_id is not null then 'assignment' else 'event' end as variant_source,
  a.variant_id is not null and x.embedded_variant_ids <> array[a.variant_id] as variant_mismatch,
  c.unit_id is not null as is_crossover,
  a.assigned_at,
  coalesce(s.started_at < a.assigned_at, false) as is_pre_exposure,
  x.event_count,
  s.source_ingested_at,
  a.created_at as assignment_ingested_at
from embedded x
join session_units u on u.session_id = x.session_id
join {{ ref('exp_conversation_sessions') }} s on s.session_id = x.session_id
left join {{ ref('stg_exp__assignments') }} a
  on a.experiment_id = x.experiment_id and a.unit_type = u.unit_type and a.unit_id = u.unit_id
left join crossovers c
  on c.experiment_id = x.experiment_id and c.unit_type = u.unit_type and c.unit_id = u.unit_id
