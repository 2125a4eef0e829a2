{{
  config(
    materialized=session_materialization(),
    unique_key='session_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['session_id'], 'unique': true},
      {'columns': ['start_date']},
      {'columns': ['user_key']},
      {'columns': ['status']},
      {'columns': ['source_ingested_at']},
    ]
  )
}}
with

{% if is_incremental() -%}
touched as (
  {{ sessions_known_since(ingested_since(this)) }}
  union
  -- Open sessions time out when as_of moves on, and open again when it moves back.
  select t.session_id
  from {{ this }} t
  where t.status in ('in_progress', 'timed_out')
    and (t.status = 'timed_out') is distinct from (t.last_activity_at < {{ as_of() }} - {{ session_idle_limit() }})
),
{%- endif %}

events as (
  select e.*
  from {{ ref('exp_conversation_events') }} e
  {% if is_incremental() -%}
  where e.session_id in (select t.session_id from touched t)
  {%- endif %}
),

-- Copies included: what a count of raw events would say, and every date on which the session has an event.
raw_events as (
  select
    b.session_id,
    count(*) filter (where b.event_type = 'conversation_started') as raw_started_events,
    count(*) filter (where b.event_type = 'flow_completed') as raw_completed_events,
    count(*) filter (where b.event_type = 'user_dropped_off') as raw_dropped_off_events,
    array_agg(distinct {{ reporting_date('b.event_at') }}) as active_dates
  from {{ ref('base_exp__events') }} b
  where b.quarantine_reason is null
    and b.session_id is not null
    and b.event_type in {{ conversation_event_types() }}
    {% if is_incremental() -%}
    and b.session_id in (select t.session_id from touched t)
    {%- endif %}
  group by b.session_id
),

gathered as (
  select
    e.session_id,
    (array_agg(e.user_key order by e.event_at, e.event_id))[1] as user_key,
    (array_agg(e.unit_type order by e.event_at, e.event_id))[1] as unit_type,
    count(distinct (e.unit_type, e.user_key)) as units,
    (array_agg(e.flow_id order by e.event_at, e.event_id) filter (where e.flow_id is not null))[1] as flow_id,
    (array_agg(e.flow_version order by e.event_at, e.event_id) filter (where e.flow_version is not null))[1]
      as flow_version,
    (array_agg(e.platform order by e.event_at, e.event_id) filter (where e.platform is not null))[1] as platform,
    (array_agg(e.app_version order by e.event_at, e.event_id) filter (where e.app_version is not null))[1]
      as app_version,
    min(e.event_at) filter (where e.event_type = 'conversation_started') as start_event_at,
    min(e.event_at) as first_event_at,
    max(e.event_at) as last_event_at,
    max(e.event_at) filter (where e.event_type <> 'user_dropped_off') as last_activity_at,
    max(e.event_at) filter (where e.event_type = 'message_sent') as last_message_at,
    min(e.event_at) filter (
      where e.event_type = 'flow_completed' and e.completion_reason is distinct from 'user_cancelled'
    ) as completed_at,
    min(e.event_at) filter (where e.event_type = 'flow_completed' and e.completion_reason = 'user_cancelled')
      as cancelled_at,
    min(e.event_at) filter (where e.event_type = 'user_dropped_off') as dropped_off_at,
    max(e.event_at) filter (where e.event_type = 'user_dropped_off') as last_dropped_off_at,
    count(*) as event_count,
    count(*) filter (where e.event_type = 'message_sent') as message_count,
    count(*) filter (where e.event_type = 'message_sent' and e.sender = 'user') as user_message_count,
    count(*) filter (where e.event_type = 'message_sent' and e.sender = 'bot') as bot_message_count,
    max(e.reported_turns) filter (where e.event_type in ('flow_completed', 'user_dropped_off')) as reported_turns,
    max(e.reported_duration_seconds) filter (where e.event_type in ('flow_completed', 'user_dropped_off'))
      as reported_duration_seconds,
    (array_agg(e.satisfaction_score order by e.event_at desc, e.event_id desc)
      filter (where e.satisfaction_score is not null))[1] as satisfaction_score,
    percentile_cont(0.5) within group (order by e.latency_ms::double precision)
      filter (where e.event_type = 'message_sent') as message_latency_p50_ms,
    percentile_cont(0.95) within group (order by e.latency_ms::double precision)
      filter (where e.event_type = 'message_sent') as message_latency_p95_ms,
    sum(e.token_count) filter (where e.event_type = 'message_sent') as tokens_total,
    sum(e.cost_usd) filter (where e.event_type = 'message_sent') as cost_usd,
    (array_agg(e.current_state order by e.event_at desc, e.event_id desc)
      filter (where e.event_type = 'message_sent' and e.current_state is not null))[1] as message_state,
    max(e.source_ingested_at) as source_ingested_at
  from events e
  group by e.session_id
),

-- What the earliest drop-off says of itself.
drop_offs as (
  select distinct on (e.session_id)
    e.session_id,
    e.payload_last_active_state,
    e.context_last_active_state,
    e.current_state,
    e.drop_off_reason,
    e.progress
  from events e
  where e.event_type = 'user_dropped_off'
  order by e.session_id, e.event_at, e.event_id
),

drop_off_gaps as (
  select e.session_id, max(e.event_at) as message_before_at
  from events e
  join gathered g on g.session_id = e.session_id
  where e.event_type = 'message_sent' and e.event_at <= g.dropped_off_at
  group by e.session_id
),

judged as (
  select
    g.*,
    coalesce(g.start_event_at, g.first_event_at) as started_at,
    coalesce(g.reported_turns, g.user_message_count) as turns,
    case
      when g.completed_at is not null then 'completed'
      when g.cancelled_at is not null then 'cancelled'
      when g.dropped_off_at is not null then 'dropped_off'
      when g.last_activity_at < {{ as_of() }} - {{ session_idle_limit() }} then 'timed_out'
      else 'in_progress'
    end as status,
    coalesce(of_version.progressed_min_turns, of_flow.progressed_min_turns,
             {{ var('default_progressed_min_turns', 3) }}) as progressed_min_turns
  from gathered g
  left join {{ ref('flow_funnel_thresholds') }} of_version
    on of_version.flow_id = g.flow_id and of_version.flow_version = g.flow_version
  left join {{ ref('flow_funnel_thresholds') }} of_flow
    on of_flow.flow_id = g.flow_id and of_flow.flow_version is null
),

states as (
  select
    j.session_id,
    case when j.status = 'dropped_off' then
      case
        when d.payload_last_active_state is not null then 'payload'
        when d.context_last_active_state is not null then 'context_last_active_state'
        when d.current_state is not null then 'context_current_state'
        when j.message_state is not null then 'last_message'
        else 'none'
      end
    when j.message_state is not null then 'last_message'
    else 'none'
    end as state_source,
    d.payload_last_active_state is distinct from coalesce(d.context_last_active_state, d.current_state)
      and d.payload_last_active_state is not null
      and coalesce(d.context_last_active_state, d.current_state) is not null as state_conflict
  from judged j
  left join drop_offs d on d.session_id = j.session_id
)

select
  j.session_id,
  j.user_key,
  j.unit_type,
  j.flow_id,
  j.flow_version,
  j.platform,
  j.app_version,
  j.started_at,
  {{ reporting_date('j.started_at') }} as start_date,
  j.start_event_at is null as start_inferred,
  j.first_event_at,
  j.last_event_at,
  j.last_activity_at,
  j.completed_at,
  j.cancelled_at,
  j.dropped_off_at,
  j.status,
  j.status <> 'in_progress' as is_settled,
  coalesce(j.last_dropped_off_at > j.completed_at, false) as has_conflicting_terminal,
  coalesce(j.dropped_off_at < j.completed_at, false) as recovered_after_dropoff,
  j.event_count,
  j.message_count,
  j.user_message_count,
  j.bot_message_count,
  j.turns,
  j.reported_turns,
  extract(epoch from j.completed_at - j.started_at)::numeric(18,3) as time_to_completion_seconds,
  j.reported_duration_seconds::numeric(18,3) as reported_duration_seconds,
  extract(epoch from j.last_message_at - j.started_at)::numeric(18,3) as active_seconds,
  extract(epoch from j.dropped_off_at - m.message_before_at)::numeric(18,3) as seconds_since_last_message,
  j.user_message_count >= 1 as is_engaged,
  j.turns >= j.progressed_min_turns as is_progressed,
  case s.state_source
    when 'payload' then d.payload_last_active_state
    when 'context_last_active_state' then d.context_last_active_state
    when 'context_current_state' then d.current_state
    when 'last_message' then j.message_state
  end as last_active_state,
  s.state_source,
  case j.status
    when 'dropped_off' then
      case when d.drop_off_reason in ('session_expired', 'user_inactive', 'error', 'user_cancelled')
        then d.drop_off_reason else 'unknown' end
    when 'cancelled' then 'user_cancelled'
    when 'timed_out' then 'inferred_timeout'
  end as drop_off_reason,
  case j.status when 'completed' then 1::double precision when 'dropped_off' then d.progress end as progress_at_end,
  j.satisfaction_score::numeric(4,2) as satisfaction_score,
  j.message_latency_p50_ms::numeric(12,3) as message_latency_p50_ms,
  j.message_latency_p95_ms::numeric(12,3) as message_latency_p95_ms,
  j.tokens_total::bigint as tokens_total,
  j.cost_usd::numeric(18,6) as cost_usd,
  r.raw_started_events,
  r.raw_completed_events,
  r.raw_dropped_off_events,
  r.active_dates,
  array_remove(array[
    case when j.start_event_at is null then 'start_inferred' end,
    case when j.last_dropped_off_at > j.completed_at then 'conflicting_terminal' end,
    case when j.units > 1 then 'several_units' end,
    case when s.state_conflict then 'state_conflict' end,
    case when j.started_at > j.first_event_at then 'event_before_start' end,
    case when j.completed_at < j.started_at then 'completed_before_start' end,
    case when abs(extract(epoch from j.completed_at - j.started_at) - j.reported_duration_seconds) > 5
      then 'reported_duration_differs' end,
    case when j.reported_turns <> j.user_message_count then 'reported_turns_differ' end
  ], null) as dq_flags,
  j.source_ingested_at
from judged j
join states s on s.session_id = j.session_id
join raw_events r on r.session_id = j.session_id
left join drop_offs d on d.session_id = j.session_id
left join drop_off_gaps m on m.session_id = j.session_id
