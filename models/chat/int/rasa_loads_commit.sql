{{
  config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    post_hook=['{{ rasa_write_source_log() }}'] if rasa_switch('rasa_write_source_loads', false) else []
  )
}}
{#
  The loads that this run processed. Written after every model of the domain and its tests, and never again for a load:
  as long as one of them fails the load stays to be processed.
#}
{%- for model in ['rasa_event_sequence', 'rasa_user_messages', 'rasa_user_message_text', 'rasa_bot_actions', 'rasa_actions',
                  'rasa_slots', 'rasa_interactions', 'rasa_sessions', 'rasa_senders', 'conversations', 'rasa_users', 'rasa_models',
                  'rasa_daily_quality', 'rasa_intent_daily', 'rasa_intent_confusion', 'rasa_interaction_depth_funnel',
                  'rasa_slot_funnel', 'rasa_story_funnel', 'rasa_intent_transitions', 'dq_rasa'] %}
-- depends_on: {{ ref(model) }}
{%- endfor %}
select
  '{{ rasa_consumer() }}'::text as consumer,
  l.load_id,
  1::bigint as status,
  {{ as_of() }} as inserted_at
from {{ ref('stg_rasa__load_ids') }} l
{%- if is_incremental() %}
where not exists (
  select 1 from {{ this }} t where t.consumer = '{{ rasa_consumer() }}' and t.load_id = l.load_id and t.status = 1
)
{%- endif %}
