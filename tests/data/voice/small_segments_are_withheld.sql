-- No cell shows figures of fewer users than var('min_cell_users'), and a withheld cell is never the only one of its month.
select session_month, dimension
from {{ ref('voice_segment_kpis') }}
group by session_month, dimension
having coalesce(min(users), {{ var('min_cell_users', 10) }}) < {{ var('min_cell_users', 10) }}
    or count(*) filter (where is_suppressed) = 1
    or count(*) filter (where is_suppressed and coalesce(users, sessions, completed_sessions) is not null) > 0
