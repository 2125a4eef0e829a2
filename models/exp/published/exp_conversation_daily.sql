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
       "select d.start_date, d.timed_out_sessions as sessions from " ~ this ~ " d where d.slice = 'total'") }}
),
{%- endif %}

sessions as (
  select
    s.session_id, s.start_date, s.flow_id, s.flow_version, s.status, s.is_settled, s.is_engaged, s.turns,
    s.time_to_completion_seconds, s.active_seconds, s.satisfaction_score, s.message_count, s.tokens_total, s.cost_usd,
    s.raw_started_events, s.raw_completed_events, s.raw_dropped_off_events, s.source_ingested_at
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
  select start_date, slice, slice_flow_id, experiment_id, variant_id from sliced
  union
  select d.start_date, 'total', '(all)', null, null
  from (
    {% if is_incremental() -%}
    select t.start_date from touched t
    {%- else -%}
    select distinct unnest(s.active_dates) as start_date from {{ ref('exp_conversation_sessions') }} s
    {%- endif %}
  ) d
),

latencies as (
  select
    s.start_date, s.slice, s.slice_flow_id, s.experiment_id, s.variant_id,
    percentile_cont(0.5) within group (order by e.latency_ms::double precision) as p50,
    percentile_cont(0.95) within group (order by e.latency_ms::double precision) as p95
  from sliced s
  join {{ ref('exp_conversation_events') }} e on e.session_id = s.session_id
  where e.event_type = 'message_sent' and e.latency_ms is not null
  group by 1, 2, 3, 4, 5
),

counted as (
  select
    g.start_date,
    g.slice,
    g.slice_flow_id as flow_id,
    g.experiment_id,
    g.variant_id,
    count(s.session_id) as sessions,
    count(*) filter (where s.is_settled) as settled_sessions,
    count(*) filter (where s.status = 'completed') as completed_sessions,
    count(*) filter (where s.status = 'cancelled') as cancelled_sessions,
    count(*) filter (where s.status = 'dropped_off') as dropped_off_sessions,
    count(*) filter (where s.status = 'timed_out') as timed_out_sessions,
    count(*) filter (where s.status = 'in_progress') as in_progress_sessions,
    count(*) filter (where s.is_engaged) as engaged_sessions,
    coalesce(sum(s.turns) filter (where s.is_settled), 0)::bigint as settled_turns,
    coalesce(sum(s.time_to_completion_seconds) filter (where s.status = 'completed'), 0)::numeric(18,3)
      as completion_seconds,
    coalesce(sum(s.active_seconds), 0)::numeric(18,3) as active_seconds,
    coalesce(sum(s.satisfaction_score), 0)::numeric(18,3) as satisfaction_sum,
    count(s.satisfaction_score) as satisfaction_count,
    coalesce(sum(s.message_count), 0)::bigint as messages,
    coalesce(sum(s.tokens_total), 0)::bigint as tokens_total,
    -- Not 0 where nobody says what the messages cost.
    sum(s.cost_usd)::numeric(18,6) as cost_usd,
    coalesce(sum(s.raw_started_events), 0)::bigint as raw_started_events,
    coalesce(sum(s.raw_completed_events), 0)::bigint as raw_completed_events,
    coalesce(sum(s.raw_dropped_off_events), 0)::bigint as raw_dropped_off_events,
    max(s.source_ingested_at) as source_ingested_at,
    max(s.assignment_ingested_at) as assignment_ingested_at
  from groups g
  left join sliced s
    on s.start_date = g.start_date and s.slice = g.slice and s.slice_flow_id = g.slice_flow_id
   and s.experiment_id is not distinct from g.experiment_id and s.variant_id is not distinct from g.variant_id
  group by 1, 2, 3, 4, 5
)

select
  c.start_date,
  c.slice,
  c.flow_id,
  c.experiment_id,
  c.variant_id,
  c.sessions,
  c.settled_sessions,
  c.completed_sessions,
  c.cancelled_sessions,
  c.dropped_off_sessions,
  c.timed_out_sessions,
  c.in_progress_sessions,
  c.engaged_sessions,
  c.settled_turns,
  c.completion_seconds,
  c.active_seconds,
  c.satisfaction_sum,
  c.satisfaction_count,
  c.messages,
  c.tokens_total,
  c.cost_usd,
  c.raw_started_events,
  c.raw_completed_events,
  c.raw_dropped_off_events,
  c.completed_sessions::double precision / nullif(c.settled_sessions, 0) as completion_rate,
  (c.dropped_off_sessions + c.timed_out_sessions + c.cancelled_sessions)::double precision
    / nullif(c.settled_sessions, 0) as drop_off_rate,
  c.dropped_off_sessions::double precision / nullif(c.settled_sessions, 0) as reported_drop_off_rate,
  c.raw_completed_events::double precision / nullif(c.raw_started_events, 0) as completion_rate_raw,
  c.settled_turns::double precision / nullif(c.settled_sessions, 0) as avg_turns,
  (c.completion_seconds / nullif(c.completed_sessions, 0))::double precision as avg_time_to_completion_seconds,
  (c.satisfaction_sum / nullif(c.satisfaction_count, 0))::double precision as avg_satisfaction_score,
  l.p50::numeric(12,3) as message_latency_p50_ms,
  l.p95::numeric(12,3) as message_latency_p95_ms,
  c.source_ingested_at,
  c.assignment_ingested_at
from counted c
left join latencies l
  on l.start_date = c.start_date and l.slice = c.slice and l.slice_flow_id = c.flow_id
 and l.experiment_id is not distinct from c.experiment_id and l.variant_id is not distinct from c.variant_id
