{{ config(materialized='table', indexes=[{'columns': ['session_month', 'dimension']}]) }}
{#
  A cell with fewer users than min_cell_users shows no figures. Since a withheld cell could be had from the month's total
  and the other cells, further cells are withheld, smallest first, until two are and min_cell_users stand behind them.
#}
{%- set min_users = var('min_cell_users', 10) %}
with

sessions as (
  select
    date_trunc('month', f.session_date)::date as session_month,
    s.user_id,
    f.region,
    case when u.is_first_time_user then 'yes' when not u.is_first_time_user then 'no' else 'unknown' end as first_time,
    case when u.has_disability then 'yes' when not u.has_disability then 'no' else 'unknown' end as disability,
    f.has_turns,
    f.final_outcome,
    f.is_completed,
    f.is_abandoned,
    f.is_transferred,
    f.total_turns,
    f.error_turns,
    f.total_duration_seconds
  from {{ ref('fact_voice_ai_sessions') }} f
  join {{ ref('stg_voice__sessions') }} s on s.session_id = f.session_id
  left join {{ ref('stg_voice__users') }} u on u.user_id = s.user_id
),

-- Added up by caller before callers are counted: `count(distinct)` would sort every session.
by_user as (
  select
    s.session_month,
    d.dimension,
    d.value,
    s.user_id,
    count(*) as sessions,
    count(*) filter (where s.has_turns) as sessions_with_turns,
    count(*) filter (where s.final_outcome <> 'open') as closed_sessions,
    count(*) filter (where s.is_completed) as completed_sessions,
    count(*) filter (where s.is_abandoned) as abandoned_sessions,
    count(*) filter (where s.is_transferred) as transferred_sessions,
    sum(s.total_turns) as total_turns,
    sum(s.error_turns) as error_turns,
    sum(s.total_duration_seconds) as duration_seconds,
    count(s.total_duration_seconds) as durations
  from sessions s
  cross join lateral (
    values ('region', s.region), ('first_time_user', s.first_time), ('disability', s.disability)
  ) as d(dimension, value)
  group by 1, 2, 3, 4
),

-- A value nobody has is a cell too: its absence would say so.
cells as (
  select m.session_month, v.dimension, v.value
  from (select distinct session_month from sessions) m
  cross join (
    values ('region', 'rural'), ('region', 'urban'), ('first_time_user', 'yes'), ('first_time_user', 'no'),
           ('disability', 'yes'), ('disability', 'no')
  ) as v(dimension, value)
  union
  select session_month, dimension, value from by_user
),

counted as (
  select
    c.session_month,
    c.dimension,
    c.value,
    count(b.user_id) as users,
    coalesce(sum(b.sessions), 0)::bigint as sessions,
    coalesce(sum(b.sessions_with_turns), 0)::bigint as sessions_with_turns,
    coalesce(sum(b.closed_sessions), 0)::bigint as closed_sessions,
    coalesce(sum(b.completed_sessions), 0)::bigint as completed_sessions,
    coalesce(sum(b.abandoned_sessions), 0)::bigint as abandoned_sessions,
    coalesce(sum(b.transferred_sessions), 0)::bigint as transferred_sessions,
    coalesce(sum(b.total_turns), 0) as total_turns,
    coalesce(sum(b.error_turns), 0) as error_turns,
    sum(b.duration_seconds) / nullif(sum(b.durations), 0) as avg_duration_seconds
  from cells c
  left join by_user b
    on b.session_month = c.session_month and b.dimension = c.dimension and b.value = c.value
  group by 1, 2, 3
),

ordered as (
  select
    c.*,
    row_number() over w as size_rank,
    coalesce(sum(c.users) over (w rows between unbounded preceding and 1 preceding), 0) as smaller_users,
    count(*) filter (where c.users < {{ min_users }}) over (partition by c.session_month, c.dimension) as small_cells
  from counted c
  window w as (partition by c.session_month, c.dimension order by c.users, c.value)
),

judged as (
  select
    o.*,
    o.users < {{ min_users }}
      or (o.small_cells > 0 and (o.size_rank <= 2 or o.smaller_users < {{ min_users }})) as is_suppressed
  from ordered o
)

select
  j.session_month,
  j.dimension,
  j.value,
  j.is_suppressed,
  case when not j.is_suppressed then j.users end as users,
  case when not j.is_suppressed then j.sessions end as sessions,
  case when not j.is_suppressed then j.sessions_with_turns end as sessions_with_turns,
  case when not j.is_suppressed then j.closed_sessions end as closed_sessions,
  case when not j.is_suppressed then j.completed_sessions end as completed_sessions,
  case when not j.is_suppressed then j.abandoned_sessions end as abandoned_sessions,
  case when not j.is_suppressed then j.transferred_sessions end as transferred_sessions,
  case when not j.is_suppressed then j.completed_sessions::double precision / nullif(j.sessions, 0) end
    as completion_rate,
  case when not j.is_suppressed then j.abandoned_sessions::double precision / nullif(j.sessions, 0) end
    as abandonment_rate,
  case when not j.is_suppressed then j.error_turns::double precision / nullif(j.total_turns, 0)::double precision end
    as turn_error_rate,
  case when not j.is_suppressed then j.avg_duration_seconds::numeric(18,3) end as avg_duration_seconds
from judged j
