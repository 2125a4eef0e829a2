{{ config(materialized='incremental', unique_key='sender_key', incremental_strategy='delete+insert',
          partition_by=rasa_by_month('session_initiation_timestamp'),
          indexes=[rasa_unique('session_id', 'session_initiation_timestamp'), rasa_unique('session_key', 'session_initiation_timestamp'), {'columns': ['sender_key']}, {'columns': ['user_key']}, {'columns': ['session_date']}]) }}
{%- set metrics = rasa_count_metrics() %}
-- depends_on: {{ ref('stg_rasa__sender_ids') }}
with

{% if is_incremental() -%}
scope as (
  select i.sender_key from {{ ref('stg_rasa__sender_ids') }} i where i.in_scope
  union
  -- Sessions close when as_of moves on, and open again when it moves back.
  select t.sender_key
  from {{ this }} t
  where t.is_open is distinct from (t.session_end_timestamp > {{ as_of() }} - {{ rasa_session_timeout() }})
),
{%- endif %}

interactions as (
  select i.*
  from {{ ref('rasa_interactions') }} i
  {% if is_incremental() -%}
  where i.sender_key in (select s.sender_key from scope s)
  {%- endif %}
),

ends as (
  select
    e.session_id,
    max(e."timestamp") filter (where e.event = 'user') as last_user_timestamp,
    count(distinct e.active_form) as distinct_forms_activated,
    (array_agg(e.active_form order by e.pos desc))[1] as form_at_end
  from {{ ref('stg_rasa__event_sequence') }} e
  {% if is_incremental() -%}
  where e.sender_id in (select i.sender_id from scope s join {{ ref('stg_rasa__sender_ids') }} i on i.sender_key = s.sender_key)
  {%- endif %}
  group by 1
),

grouped as (
  select
    i.session_id,
    i.session_key,
    i.user_key,
    i.sender_key,
    i.session_nr,
    i.sender_session_nr,
    {% for column, source in [('external_session_id', 'external_session_id'), ('first_bot_model', 'interaction_model_id'),
                              ('first_story_intent', 'story_intent')] -%}
    (array_agg(i.{{ source }} order by i.interaction_initiation_timestamp, i.interaction_nr)
      filter (where i.{{ source }} is not null))[1] as {{ column }},
    {% endfor -%}
    (array_agg(i.environment order by i.interaction_initiation_timestamp, i.interaction_nr)
      filter (where i.environment <> '__unknown'))[1] as environment,
    (array_agg(i.input_channel order by i.interaction_nr) filter (where i.interaction_nr = 1))[1] as input_channel,
    (array_agg(i.intent order by i.interaction_nr desc))[1] as last_intent,
    min(i.interaction_initiation_timestamp) as session_initiation_timestamp,
    min(i.interaction_start_timestamp) as session_start_timestamp,
    max(i.interaction_end_timestamp) as session_end_timestamp,
    max(i.interaction_nr) as interactions_count,
    sum(i.bot_messages_count)::bigint as bot_messages_count,
    count(distinct i.story_intent) as distinct_story_intent_count
    {%- for metric in metrics %},
    sum(i.{{ metric.name }}_count)::bigint as {{ metric.name }}_count
    {%- endfor %}
  from interactions i
  group by 1, 2, 3, 4, 5, 6
),

-- All sessions of a user: the ones of other senders tell whether somebody came back.
returns as (
  select
    g.session_id,
    exists (
      select 1
      from {{ ref('rasa_interactions') }} n
      where n.user_key = g.user_key and n.session_id <> g.session_id and n.previous_interaction_user_fk is null
        and n.interaction_initiation_timestamp > g.session_end_timestamp
        and n.interaction_initiation_timestamp <= g.session_end_timestamp + interval '24 hours'
    ) as returned
  from grouped g
),

judged as (
  select
    g.*,
    e.last_user_timestamp,
    e.distinct_forms_activated,
    e.form_at_end,
    r.returned,
    g.interactions_count = 0 as is_bounced,
    {{ 'g.actions_agent_handoff_count > 0' if 'actions_agent_handoff' in metrics | map(attribute='name') | list else 'false' }} as is_handed_off,
    g.session_end_timestamp > {{ as_of() }} - {{ rasa_session_timeout() }} as is_open
  from grouped g
  join ends e on e.session_id = g.session_id
  join returns r on r.session_id = g.session_id
)

select
  j.session_id,
  j.session_key,
  j.user_key,
  j.sender_key,
  j.session_nr,
  j.sender_session_nr,
  j.external_session_id,
  coalesce(j.environment, '__unknown') as environment,
  j.first_bot_model,
  j.first_story_intent,
  j.input_channel,
  {{ reporting_date('j.session_initiation_timestamp') }} as session_date,
  j.session_initiation_timestamp,
  j.session_start_timestamp,
  j.session_end_timestamp,
  extract(epoch from j.session_end_timestamp - j.session_initiation_timestamp)::numeric(18,3) as session_duration_seconds,
  extract(epoch from j.last_user_timestamp - j.session_start_timestamp)::numeric(18,3) as active_duration_seconds,
  j.interactions_count,
  j.bot_messages_count,
  j.distinct_forms_activated,
  j.distinct_story_intent_count,
  j.form_at_end,
  j.last_intent,
  {% for metric in metrics -%}
  j.{{ metric.name }}_count,
  case when j.{{ metric.name }}_count > 0 then j.session_id end as {{ metric.name }}_session_id,
  {% endfor -%}
  j.is_bounced,
  case when j.is_bounced then j.session_id end as bounced_session_id,
  j.is_handed_off,
  not j.is_bounced and not j.is_handed_off as is_contained,
  not j.is_bounced and not j.is_handed_off and not j.returned as is_contained_no_return,
  case when j.session_nr = 1 then 'new' else 'returning' end as new_returning_session,
  j.is_open
from judged j
