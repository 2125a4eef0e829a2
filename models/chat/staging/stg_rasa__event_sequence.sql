{{
  config(
    materialized='incremental',
    unique_key='sender_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['_record_hash'], 'unique': true},
      {'columns': ['sender_id', 'timestamp']},
      {'columns': ['session_key']},
      {'columns': ['session_id', 'interaction_nr']},
    ]
  )
}}
{#
  Where in sessions, interactions and forms each event stands. Order within a sender is total: time, place in the store,
  hash. Senders of one user are in scope together, since sessions are numbered over the user.
#}
{%- set gap = rasa_gap_minutes() -%}
{%- set restarts = rasa_switch('restart_starts_session', true) -%}
{%- set rewinding = rasa_list('rasa_rewinding_actions') or [''] %}
with

-- Only what places an event goes through the windows; the rest of it comes back at the end.
ordered as (
  select
    e._record_hash,
    e.sender_id,
    e.user_id,
    e.event,
    e.value,
    e."timestamp",
    -- A start is told of before the server has given the session its id.
    case
      when (e.event, e.value) = ('slot', 'session_started_metadata')
        and (lead(e.event) over w, lead(e.value) over w) = ('action', 'action_session_start')
        then coalesce(
          case when lead(e.event, 2) over w = 'session_started' then lead(e.metadata_session_id, 2) over w end,
          lead(e.metadata_session_id) over w,
          e.metadata_session_id
        )
      when (e.event, e.value) = ('action', 'action_session_start') and lead(e.event) over w = 'session_started'
        then coalesce(lead(e.metadata_session_id) over w, e.metadata_session_id)
      else e.metadata_session_id
    end as server_session_id,
    row_number() over w as pos,
    lag(e.event) over w as previous_event,
    lag(e.value) over w as previous_value,
    lead(e.event) over w as next_event,
    lead(e.value) over w as next_value,
    lag(e."timestamp") over w as previous_timestamp,
    count(*) filter (where e.event = 'user') over (w rows unbounded preceding) as users_so_far
  from {{ ref('stg_rasa__events') }} e
  where {{ rasa_in_scope('e.sender_id') }}
  window w as (partition by e.sender_id order by e."timestamp", e.seq, e._record_hash)
),

compared as (
  select o.*, lag(o.server_session_id) over (partition by o.sender_id order by o.pos) as previous_server_session_id
  from ordered o
),

-- What may open a session. The server's own session ids, where two events in a row have them, overrule the actions.
marked as (
  select
    o.*,
    case
      {% if restarts -%}
      when o.pos = 1 and o.event = 'action' and o.value = 'action_restart' then 'restart'
      {% endif -%}
      when o.pos = 1 then 'first'
      when o.server_session_id <> o.previous_server_session_id then 'metadata'
      {% if gap > 0 -%}
      when o."timestamp" - o.previous_timestamp > interval '{{ gap }} minutes' then 'gap'
      {% endif -%}
      when o.server_session_id = o.previous_server_session_id then null
      {% if restarts -%}
      when o.event = 'action' and o.value = 'action_restart' then 'restart'
      {% endif -%}
      when o.event = 'action' and o.value = 'action_session_start'
        and (o.previous_event, o.previous_value) is distinct from ('slot', 'session_started_metadata') then 'start'
      when o.event = 'slot' and o.value = 'session_started_metadata'
        and (o.next_event, o.next_value) is not distinct from ('action', 'action_session_start') then 'start'
    end as marker
  from compared o
),

-- A fallback rewinds the message that it answers so that the next prediction passes over it. Nobody took that message back.
kept_rewinds as (
  select k.sender_id, k.pos
  from (
    select
      m.sender_id, m.pos, m.event,
      lag(m.event) over (partition by m.sender_id order by m.pos) as previous_event,
      lag(m.value) over (partition by m.sender_id order by m.pos) as previous_value
    from marked m
    where m.event in ('user', 'action', 'rewind')
  ) k
  where k.event = 'rewind' and k.previous_event = 'action' and k.previous_value in {{ rasa_text_list(rewinding) }}
),

-- Starts stand with the marker of another kind before them.
runs as (
  select
    m.sender_id,
    m.pos,
    m.marker,
    m.users_so_far,
    count(*) filter (where m.marker <> 'start') over (partition by m.sender_id order by m.pos rows unbounded preceding) as run
  from marked m
  where m.marker is not null
),

-- Starts that follow a restart without a word of the user in between belong to the restart's session.
openers as (
  select
    r.sender_id,
    r.pos,
    not (
      r.marker = 'start' and first_value(r.marker) over w = 'restart' and first_value(r.users_so_far) over w = r.users_so_far
    ) as opens
  from runs r
  window w as (partition by r.sender_id, r.run order by r.pos)
),

numbered as (
  select
    m.*,
    m.event = 'rewind' and k.pos is null as takes_back,
    count(*) filter (where o.opens) over (partition by m.sender_id order by m.pos rows unbounded preceding)
      as sender_session_nr
  from marked m
  left join openers o on o.sender_id = m.sender_id and o.pos = m.pos
  left join kept_rewinds k on k.sender_id = m.sender_id and k.pos = m.pos
),

placed as (
  select
    n.*,
    encode(sha256(convert_to(n.sender_id || '/' || first_value(n._record_hash) over s, 'UTF8')), 'hex') as session_key,
    first_value(n."timestamp") over s as session_started_at,
    count(*) filter (where n.event = 'user') over (s rows unbounded preceding) as interaction_nr,
    count(*) filter (where n.event = 'user') over (partition by n.sender_id, n.sender_session_nr) as interactions,
    count(*) filter (where n.event = 'active_loop') over (s rows unbounded preceding) as loops,
    count(*) filter (where n.event = 'active_loop' and n.value is not null) over (s rows unbounded preceding)
      as active_form_nr,
    sum(case when n.event = 'user' then 1 when n.takes_back then -1 else 0 end) over (s rows unbounded preceding) as turn_sum,
    sum(case n.event when 'action' then 1 when 'undo' then -1 else 0 end) over (s rows unbounded preceding) as action_sum
  from numbered n
  window s as (partition by n.sender_id, n.sender_session_nr order by n.pos)
),

-- How many turns and actions stand at each event; what takes back more than there is takes back nothing.
stacked as (
  select
    p.*,
    p.turn_sum - least(0, min(p.turn_sum) over s) as turn_depth,
    p.action_sum - least(0, min(p.action_sum) over s) as action_depth,
    max(case when p.event = 'active_loop' then p.value end) over (
      partition by p.sender_id, p.sender_session_nr, p.loops
    ) as active_form
  from placed p
  window s as (partition by p.sender_id, p.sender_session_nr order by p.pos rows unbounded preceding)
),

judged as (
  select
    s.*,
    -- A turn is taken back where later fewer turns stand than at the event.
    min(s.turn_depth) over f < s.turn_depth or min(s.action_depth) over f < s.action_depth as is_reverted,
    dense_rank() over (
      partition by s.user_id order by s.session_started_at, s.sender_id, s.sender_session_nr
    ) as session_nr
  from stacked s
  window f as (
    partition by s.sender_id, s.sender_session_nr order by s.pos rows between current row and unbounded following
  )
)

select
  e.*,
  j.pos,
  j.session_nr,
  j.sender_session_nr,
  j.interaction_nr,
  j.interactions - j.interaction_nr as reverse_interaction_nr,
  j.active_form,
  j.active_form_nr,
  j.is_reverted,
  e.user_key || '/' || j.session_nr as session_id,
  e.user_key || '/' || j.session_nr || '/' || j.interaction_nr as interaction_id,
  j.session_key
from judged j
join {{ ref('stg_rasa__events') }} e on e._record_hash = j._record_hash
