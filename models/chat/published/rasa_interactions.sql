{{ config(materialized='incremental', unique_key='sender_key', incremental_strategy='delete+insert',
          partition_by=rasa_by_month('interaction_initiation_timestamp'),
          indexes=[rasa_unique('interaction_id', 'interaction_initiation_timestamp'), {'columns': ['sender_key']}, {'columns': ['user_key']}, {'columns': ['session_key']}]) }}
{#
  Written by sender: with a sender all others of its users, new and before, are in scope, so what an earlier identity left
  goes too.
#}
{%- set metrics = rasa_count_metrics() %}
with

story_intents as (
  {{ rasa_story_intents() }}
),

grouped as (
  select
    e.interaction_id,
    e.sender_key,
    e.user_key,
    e.session_id,
    e.session_key,
    e.session_nr,
    e.sender_session_nr,
    e.interaction_nr,
    min(e.reverse_interaction_nr) as reverse_interaction_nr,
    min(e."timestamp") as interaction_initiation_timestamp,
    min(e."timestamp") filter (where e.event = 'user') as interaction_start_timestamp,
    max(e."timestamp") as interaction_end_timestamp,
    (array_agg(e.active_form order by e.pos) filter (where e.active_form is not null))[1] as interaction_active_form,
    (array_agg(e.model_id order by e.pos) filter (where e.model_id is not null))[1] as interaction_model_id,
    (array_agg(e.environment order by e.pos) filter (where e.environment <> '__unknown'))[1] as environment,
    (array_agg(e.external_session_id order by e.pos) filter (where e.external_session_id is not null))[1]
      as external_session_id,
    (array_agg(e.input_channel order by e.pos) filter (where e.input_channel is not null))[1] as input_channel,
    max(e.value) filter (where e.event = 'user') as intent,
    max(e.intent_confidence) filter (where e.event = 'user') as intent_confidence,
    coalesce(bool_or(e.is_reverted) filter (where e.event = 'user'), false) as is_reverted,
    count(*) filter (where e.event = 'bot' and not e.is_reverted) as bot_messages_count
    {%- for metric in metrics %},
    count(*) filter (where e.event = '{{ metric.event }}' and e.value in {{ rasa_text_list(metric['values']) }} and not e.is_reverted)
      as {{ metric.name }}_count
    {%- endfor %}
  from {{ ref('stg_rasa__event_sequence') }} e
  where {{ rasa_in_scope('e.sender_id') }}
  group by 1, 2, 3, 4, 5, 6, 7, 8
)

select
  g.interaction_id,
  g.interaction_nr,
  g.reverse_interaction_nr,
  g.sender_key,
  g.user_key,
  g.session_id,
  g.session_key,
  g.session_nr,
  g.sender_session_nr,
  g.interaction_initiation_timestamp,
  g.interaction_start_timestamp,
  g.interaction_end_timestamp,
  g.interaction_active_form,
  g.interaction_model_id,
  coalesce(g.environment, '__unknown') as environment,
  g.external_session_id,
  g.input_channel,
  g.intent,
  g.intent_confidence,
  case when g.intent in (select i.intent_name from story_intents i) and not g.is_reverted then g.intent end as story_intent,
  g.is_reverted,
  {% for metric in metrics -%}
  g.{{ metric.name }}_count,
  {% endfor -%}
  g.bot_messages_count,
  g.interaction_id as interaction_slot_fk,
  g.interaction_id as interaction_user_fk,
  g.interaction_id as interaction_bot_fk,
  g.interaction_id as interaction_story_action_fk,
  {% for kind in ['user', 'bot', 'action', 'slot'] -%}
  lag(g.interaction_id) over w as previous_interaction_{{ kind }}_fk{{ ',' if not loop.last }}
  {% endfor %}
from grouped g
window w as (partition by g.session_id order by g.interaction_nr)
