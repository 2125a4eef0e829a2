{{
  config(
    materialized='table',
    indexes=[
      {'columns': ['event_id', 'experiment_id'], 'unique': true},
      {'columns': ['experiment_id', 'unit_type', 'unit_id']},
    ]
  )
}}
-- One row per event and experiment. Valid per experiment; never added up across experiments.
with members as (
  select
    e.event_id,
    e.event_type,
    e.session_id,
    e.unit_type,
    e.unit_id,
    e.event_at,
    (m.doc ->> 'experiment_id')::uuid as experiment_id,
    (m.doc ->> 'variant_id')::uuid as embedded_variant_id,
    m.ordinal,
    row_number() over (partition by e.event_id, m.doc ->> 'experiment_id' order by m.ordinal) as mention,
    e._ingested_at
  from {{ ref('stg_exp__events') }} e
  cross join lateral jsonb_array_elements(e.experiments) with ordinality as m(doc, ordinal)
)

select
  m.event_id,
  m.experiment_id,
  m.ordinal,
  m.event_type,
  m.session_id,
  m.unit_type,
  m.unit_id,
  m.event_at,
  coalesce(a.variant_id, m.embedded_variant_id) as variant_id,
  m.embedded_variant_id,
  a.variant_id as assigned_variant_id,
  coalesce(a.variant_id <> m.embedded_variant_id, false) as variant_mismatch,
  coalesce(m.event_at < a.assigned_at, false) as is_pre_exposure,
  m._ingested_at
from members m
left join {{ ref('stg_exp__assignments') }} a
  on a.experiment_id = m.experiment_id and a.unit_type = m.unit_type and a.unit_id = m.unit_id
where m.mention = 1
