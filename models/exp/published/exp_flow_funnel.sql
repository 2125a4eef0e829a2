{{
  config(
    materialized=session_materialization(),
    unique_key='start_date',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['start_date']}, {'columns': ['slice', 'flow_id']}]
  )
}}
-- depends_on: {{ ref('base_exp__events') }}
with

{% if is_incremental() -%}
touched as (
  {{ start_dates_touched(this) }}
),
{%- endif %}

sessions as (
  select
    s.session_id, s.start_date, s.flow_id, s.flow_version, s.status, s.is_engaged, s.is_progressed, s.source_ingested_at
  from {{ ref('exp_conversation_sessions') }} s
  {% if is_incremental() -%}
  where s.start_date in (select t.start_date from touched t)
  {%- endif %}
),

sliced as (
  {{ session_slices('sessions') }}
),

-- A date with events and no starts keeps a total of zero, so that a date never disappears.
groups as (
  select start_date, slice, slice_flow_id, slice_flow_version, experiment_id, variant_id from sliced
  union
  select d.start_date, 'total', '(all)', '(all)', null, null
  from (
    {% if is_incremental() -%}
    select t.start_date from touched t
    {%- else -%}
    select distinct unnest(s.active_dates) as start_date from {{ ref('exp_conversation_sessions') }} s
    {%- endif %}
  ) d
),

counted as (
  select
    g.start_date,
    g.slice,
    g.slice_flow_id as flow_id,
    g.slice_flow_version as flow_version,
    g.experiment_id,
    g.variant_id,
    count(s.session_id) as started_sessions,
    count(*) filter (where s.is_engaged) as engaged_sessions,
    count(*) filter (where s.is_engaged and s.is_progressed) as progressed_sessions,
    count(*) filter (where s.is_engaged and s.is_progressed and s.status = 'completed') as completed_sessions,
    count(*) filter (where s.status = 'completed') as completed_any_path_sessions,
    max(s.source_ingested_at) as source_ingested_at,
    max(s.assignment_ingested_at) as assignment_ingested_at
  from groups g
  left join sliced s
    on s.start_date = g.start_date and s.slice = g.slice and s.slice_flow_id = g.slice_flow_id
   and s.slice_flow_version = g.slice_flow_version
   and s.experiment_id is not distinct from g.experiment_id and s.variant_id is not distinct from g.variant_id
  group by 1, 2, 3, 4, 5, 6
)

select
  c.start_date,
  c.slice,
  c.flow_id,
  c.flow_version,
  c.experiment_id,
  c.variant_id,
  c.started_sessions,
  c.engaged_sessions,
  c.progressed_sessions,
  c.completed_sessions,
  c.completed_any_path_sessions,
  c.engaged_sessions::double precision / nullif(c.started_sessions, 0) as engaged_step_rate,
  c.progressed_sessions::double precision / nullif(c.engaged_sessions, 0) as progressed_step_rate,
  c.completed_sessions::double precision / nullif(c.progressed_sessions, 0) as completed_step_rate,
  c.source_ingested_at,
  c.assignment_ingested_at
from counted c
