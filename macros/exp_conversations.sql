{% macro conversation_event_types() -%}
('conversation_started', 'message_sent', 'flow_completed', 'user_dropped_off')
{%- endmacro %}

{# A session without any event but drop-offs for this long has ended. #}
{% macro session_idle_limit() -%}
interval '15 minutes'
{%- endmacro %}

{#
  Stitched session ids are numbered over all the events of a unit, so one late event may renumber and remove sessions.
  Such models are rebuilt; otherwise a session is recomputed alone.
#}
{% macro session_materialization() -%}
{{ 'table' if var('stitch_missing_sessions', false) else 'incremental' }}
{%- endmacro %}

{# Sessions with an event, or a variant that an event names, that became known at or after `since`. #}
{% macro sessions_known_since(since) -%}
select distinct session_id
from {{ ref('base_exp__events') }}
where session_id is not null and {{ at_or_after('_known_at', since) }}
{%- endmacro %}

{#
  The start dates that a table of session counts per start date must write again.
  A session's start can only move among the dates of its events, so `active_dates` holds the old date and the new one.
  A session times out by the passing of as_of alone: `timed_out` (a query of start_date and sessions, as stored) is
  compared with what is so now. Needs the columns slice, source_ingested_at and assignment_ingested_at.
#}
{% macro start_dates_touched(stored, timed_out=none) -%}
select distinct unnest(s.active_dates) as start_date
from {{ ref('exp_conversation_sessions') }} s
where s.session_id in (
  {{ sessions_known_since(ingested_since(stored, 'source_ingested_at', "slice = 'flow'")) }}
  union
  select x.session_id
  from {{ ref('exp_session_experiments') }} x
  where {{ at_or_after('x.source_ingested_at', ingested_since(stored, 'source_ingested_at', "slice = 'experiment'")) }}
     or {{ at_or_after('x.assignment_ingested_at', ingested_since(stored, 'assignment_ingested_at', "slice = 'experiment'")) }}
)
{%- if timed_out %}
union
select coalesce(n.start_date, o.start_date)
from (
  select s.start_date, count(*) as sessions
  from {{ ref('exp_conversation_sessions') }} s
  where s.status = 'timed_out'
  group by s.start_date
) n
full join ({{ timed_out }}) o on o.start_date = n.start_date
where coalesce(n.sessions, 0) <> coalesce(o.sessions, 0)
{%- endif %}
{%- endmacro %}

{#
  Every session once (total, flow) and once per experiment it was in since its unit was assigned (experiment). Slices are
  never added up.
#}
{% macro session_slices(sessions) -%}
select 'total'::text as slice, null::uuid as experiment_id, null::uuid as variant_id,
       '(all)'::text as slice_flow_id, '(all)'::text as slice_flow_version, null::timestamptz as assignment_ingested_at, s.*
from {{ sessions }} s
union all
select 'flow', null, null, coalesce(s.flow_id, '(none)'), coalesce(s.flow_version, '(none)'), null, s.*
from {{ sessions }} s
union all
select 'experiment', x.experiment_id, x.variant_id, coalesce(s.flow_id, '(none)'), coalesce(s.flow_version, '(none)'),
       x.assignment_ingested_at, s.*
from {{ sessions }} s
join {{ ref('exp_session_experiments') }} x on x.session_id = s.session_id
where not x.is_pre_exposure
{%- endmacro %}
