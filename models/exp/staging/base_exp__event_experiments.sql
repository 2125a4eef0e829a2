{{
  config(
    materialized=session_materialization(),
    unique_key='event_id',
    incremental_strategy='delete+insert',
    post_hook='analyze {{ this }}',
    indexes=[
      {'columns': ['event_id', 'experiment_id'], 'unique': true},
      {'columns': ['unit_id', 'unit_type']},
      {'columns': ['experiment_id', 'unit_type', 'unit_id']},
      {'columns': ['event_date']},
      {'columns': ['event_at']},
      {'columns': ['_ingested_at']},
      {'columns': ['assignment_ingested_at']},
    ]
  )
}}
{#
  One row per event and experiment, copies included: a copy that takes the place of an event changes verdicts, and no event
  ever leaves.
#}
with

{% if is_incremental() -%}
-- Events of scopes with news, and all events of units that were assigned since.
touched as (
  select b.event_id
  from {{ ref('base_exp__events') }} b
  where {{ at_or_after('b._known_at', ingested_since(this, '_ingested_at')) }}
  union
  select b.event_id
  from {{ ref('base_exp__events') }} b
  join {{ ref('stg_exp__assignments') }} a on a.unit_type = b.unit_type and a.unit_id = b.unit_id
  where {{ at_or_after('a.created_at', ingested_since(this, 'assignment_ingested_at')) }}
),
{%- endif %}

members as (
  select
    b.event_id,
    b.verdict,
    b.event_type,
    b.session_id,
    b.unit_type,
    b.unit_id,
    b.event_at,
    b.event_date,
    (m.doc ->> 'experiment_id')::uuid as experiment_id,
    (m.doc ->> 'variant_id')::uuid as embedded_variant_id,
    m.ordinal,
    row_number() over (partition by b.event_id, m.doc ->> 'experiment_id' order by m.ordinal) as mention,
    b._ingested_at
  {% if is_incremental() -%}
  from {{ each_by_index('touched', ref('base_exp__events'), 'b', 'b.event_id = l.event_id') }}
  {%- else -%}
  from {{ ref('base_exp__events') }} b
  {%- endif %}
  cross join lateral jsonb_array_elements(b.experiments) with ordinality as m(doc, ordinal)
  where b.quarantine_reason is null
)

select
  m.event_id,
  m.experiment_id,
  m.ordinal,
  m.verdict,
  m.event_type,
  m.session_id,
  m.unit_type,
  m.unit_id,
  m.event_at,
  m.event_date,
  coalesce(a.variant_id, m.embedded_variant_id) as variant_id,
  m.embedded_variant_id,
  a.variant_id as assigned_variant_id,
  coalesce(a.variant_id <> m.embedded_variant_id, false) as variant_mismatch,
  coalesce(m.event_at < a.assigned_at, false) as is_pre_exposure,
  m._ingested_at,
  a.created_at as assignment_ingested_at
from members m
left join {{ ref('stg_exp__assignments') }} a
  on a.experiment_id = m.experiment_id and a.unit_type = m.unit_type and a.unit_id = m.unit_id
where m.mention = 1
