{{
  config(
    materialized=session_materialization(),
    unique_key='session_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['session_id', 'state'], 'unique': true},
      {'columns': ['state']},
      {'columns': ['is_settled']},
      {'columns': ['source_ingested_at']},
    ]
  )
}}
-- depends_on: {{ ref('base_exp__events') }}
with

{% if is_incremental() -%}
touched as (
  {{ sessions_known_since(ingested_since(this)) }}
  union
  -- Sessions time out, and open again, by as_of alone.
  select t.session_id from {{ this }} t where not t.is_settled
  union
  select s.session_id from {{ ref('exp_conversation_sessions') }} s where s.status = 'in_progress'
),
{%- endif %}

sessions as (
  select
    s.session_id, s.flow_id, s.start_date, s.status, s.is_settled, s.last_active_state, s.started_at, s.dropped_off_at,
    s.source_ingested_at
  from {{ ref('exp_conversation_sessions') }} s
  {% if is_incremental() -%}
  where s.session_id in (select t.session_id from touched t)
  {%- endif %}
),

visits as (
  select
    e.session_id,
    e.current_state as state,
    min(e.event_at) as first_seen_at,
    max(e.event_at) as last_seen_at,
    count(*) as messages,
    count(*) filter (where e.sender = 'user') as user_messages
  from sessions s
  join {{ ref('exp_conversation_events') }} e on e.session_id = s.session_id
  where e.event_type = 'message_sent' and e.current_state is not null
  group by 1, 2
),

-- A session that says it dropped off in a state has reached it, even where no message carries the state.
reached as (
  select * from visits
  union all
  select s.session_id, s.last_active_state, s.dropped_off_at, s.dropped_off_at, 0, 0
  from sessions s
  where s.status = 'dropped_off' and s.last_active_state is not null
    and not exists (select 1 from visits v where v.session_id = s.session_id and v.state = s.last_active_state)
),

-- Every session keeps a row, so that what it had before is replaced when its only state is taken back.
placed as (
  select * from reached
  union all
  select s.session_id, '(none)', s.started_at, s.started_at, 0, 0
  from sessions s
  where not exists (select 1 from reached r where r.session_id = s.session_id)
)

select
  v.session_id,
  v.state,
  s.flow_id,
  s.start_date,
  s.is_settled,
  s.status in ('dropped_off', 'timed_out', 'cancelled') and coalesce(s.last_active_state, '(none)') = v.state as is_lost,
  row_number() over (partition by v.session_id order by v.first_seen_at, v.state) as position,
  v.first_seen_at,
  v.last_seen_at,
  v.messages,
  v.user_messages,
  s.source_ingested_at
from placed v
join sessions s on s.session_id = v.session_id
