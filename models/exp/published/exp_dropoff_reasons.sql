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
  {{ start_dates_touched(this,
       "select r.start_date, r.sessions from " ~ this ~ " r where r.slice = 'total' and r.reason = 'inferred_timeout'") }}
),
{%- endif %}

sessions as (
  select s.session_id, s.start_date, s.flow_id, s.flow_version, s.drop_off_reason, s.source_ingested_at
  from {{ ref('exp_conversation_sessions') }} s
  where s.start_date is not null
    {% if is_incremental() -%}
    and s.start_date in (select t.start_date from touched t)
    {%- endif %}
),

sliced as (
  {{ session_slices('sessions') }}
),

-- The stamps are those of all sessions of the group, lost or not: they say how far the group has been read.
stamps as (
  select
    start_date, slice, slice_flow_id, experiment_id, variant_id,
    max(source_ingested_at) as source_ingested_at, max(assignment_ingested_at) as assignment_ingested_at
  from sliced
  group by 1, 2, 3, 4, 5
),

lost as (
  select start_date, slice, slice_flow_id, experiment_id, variant_id, drop_off_reason as reason, count(*) as sessions
  from sliced
  where drop_off_reason is not null
  group by 1, 2, 3, 4, 5, 6
),

-- Totals name every reason on every date with events, so that a date never disappears.
groups as (
  select start_date, slice, slice_flow_id, experiment_id, variant_id, reason from lost
  union
  select d.start_date, 'total', '(all)', null, null, r.reason
  from (
    {% if is_incremental() -%}
    select t.start_date from touched t
    {%- else -%}
    select distinct unnest(s.active_dates) as start_date from {{ ref('exp_conversation_sessions') }} s
    {%- endif %}
  ) d
  cross join unnest(array[
    'session_expired', 'user_inactive', 'error', 'user_cancelled', 'inferred_timeout', 'unknown'
  ]) as r(reason)
)

select
  g.start_date,
  g.slice,
  g.slice_flow_id as flow_id,
  g.experiment_id,
  g.variant_id,
  g.reason,
  coalesce(l.sessions, 0)::bigint as sessions,
  l.sessions::double precision / sum(l.sessions) over (
    partition by g.start_date, g.slice, g.slice_flow_id, g.experiment_id, g.variant_id
  )::double precision as share,
  s.source_ingested_at,
  s.assignment_ingested_at
from groups g
left join lost l
  on l.start_date = g.start_date and l.slice = g.slice and l.slice_flow_id = g.slice_flow_id and l.reason = g.reason
 and l.experiment_id is not distinct from g.experiment_id and l.variant_id is not distinct from g.variant_id
left join stamps s
  on s.start_date = g.start_date and s.slice = g.slice and s.slice_flow_id = g.slice_flow_id
 and s.experiment_id is not distinct from g.experiment_id and s.variant_id is not distinct from g.variant_id
