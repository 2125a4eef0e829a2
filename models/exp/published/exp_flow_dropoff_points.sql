{{ config(materialized='table', indexes=[{'columns': ['slice', 'flow_id', 'state']}]) }}
with

sessions as (
  select
    s.session_id, s.start_date, s.flow_id, s.flow_version, s.status, s.is_settled, s.last_active_state, s.turns,
    s.progress_at_end, s.seconds_since_last_message, s.source_ingested_at
  from {{ ref('exp_conversation_sessions') }} s
),

sliced as (
  select * from ({{ session_slices('sessions') }}) s where s.slice in ('flow', 'experiment')
),

reached as (
  select
    s.slice, s.slice_flow_id, s.experiment_id, s.variant_id, v.state,
    count(*) as sessions_reached,
    count(*) filter (where s.is_settled) as settled_sessions_reached,
    avg(v.position) as avg_position
  from sliced s
  join {{ ref('exp_state_visits') }} v on v.session_id = s.session_id and v.state <> '(none)'
  group by 1, 2, 3, 4, 5
),

lost as (
  select
    s.slice, s.slice_flow_id, s.experiment_id, s.variant_id, coalesce(s.last_active_state, '(none)') as state,
    count(*) as lost_sessions,
    count(*) filter (where s.status = 'dropped_off') as drop_off_count,
    avg(s.progress_at_end::numeric) filter (where s.status = 'dropped_off') as avg_progress,
    avg(s.turns) filter (where s.status = 'dropped_off') as avg_turns_before_drop_off,
    avg(s.seconds_since_last_message) filter (where s.status = 'dropped_off') as avg_seconds_since_last_message
  from sliced s
  where s.status in ('dropped_off', 'timed_out', 'cancelled')
  group by 1, 2, 3, 4, 5
)

select
  coalesce(r.slice, l.slice) as slice,
  coalesce(r.slice_flow_id, l.slice_flow_id) as flow_id,
  coalesce(r.experiment_id, l.experiment_id) as experiment_id,
  coalesce(r.variant_id, l.variant_id) as variant_id,
  coalesce(r.state, l.state) as state,
  coalesce(r.sessions_reached, 0)::bigint as sessions_reached,
  coalesce(r.settled_sessions_reached, 0)::bigint as settled_sessions_reached,
  coalesce(l.lost_sessions, 0)::bigint as lost_sessions,
  coalesce(l.drop_off_count, 0)::bigint as drop_off_count,
  case when r.state is not null then coalesce(l.lost_sessions, 0)::double precision end
    / nullif(r.settled_sessions_reached, 0) as state_hazard,
  case when r.state is not null then coalesce(l.drop_off_count, 0)::double precision end
    / nullif(r.settled_sessions_reached, 0) as reported_drop_off_rate,
  coalesce(l.drop_off_count, 0)::double precision / nullif(sum(l.drop_off_count) over (
    partition by coalesce(r.slice, l.slice), coalesce(r.slice_flow_id, l.slice_flow_id),
                 coalesce(r.experiment_id, l.experiment_id), coalesce(r.variant_id, l.variant_id)
  ), 0)::double precision as state_drop_share,
  r.avg_position::double precision as avg_position,
  l.avg_progress::double precision as avg_progress,
  l.avg_turns_before_drop_off::double precision as avg_turns_before_drop_off,
  l.avg_seconds_since_last_message::double precision as avg_seconds_since_last_message
from reached r
full join lost l
  on l.slice = r.slice and l.slice_flow_id = r.slice_flow_id and l.state = r.state
 and coalesce(l.experiment_id::text, '') = coalesce(r.experiment_id::text, '')
 and coalesce(l.variant_id::text, '') = coalesce(r.variant_id::text, '')
