{{ config(materialized='incremental', unique_key='session_date', incremental_strategy='delete+insert',
          indexes=[{'columns': ['session_date']}]) }}
{#
  Sessions count on the day they began. Rates of containment are those of closed sessions: sums first, then the quotient.
  A session begins at one of its sender's events, so the day that it left is among theirs; a day with events and no session
  keeps a row of zeros, so that no day ever disappears.
#}
{%- set counted = rasa_count_metrics() | map(attribute='name') | list %}
-- depends_on: {{ ref('stg_rasa__sender_ids') }}
with

{% if is_incremental() -%}
days as (
  select distinct {{ reporting_date('e."timestamp"') }} as session_date
  from {{ ref('rasa_event_sequence') }} e
  where {{ rasa_in_scope('e.sender_key') }}
  union
  -- as_of alone closes sessions, or opens them again.
  select t.session_date from {{ this }} t where t.open_sessions > 0
  union
  select s.session_date from {{ ref('rasa_sessions') }} s where s.is_open
),
{%- else -%}
days as (
  select distinct {{ reporting_date('e."timestamp"') }} as session_date from {{ ref('rasa_event_sequence') }} e
),
{%- endif %}

sessions as (
  select s.*
  from {{ ref('rasa_sessions') }} s
  {% if is_incremental() -%}
  where s.session_date in (select d.session_date from days d)
  {%- endif %}
),

fallbacks as (
  select
    i.session_id,
    count(*) filter (where i.interaction_nr >= 1 and not i.is_reverted) as dialogue_interactions,
    count(*) filter (
      where i.interaction_nr >= 1 and not i.is_reverted
        and ({{ rasa_counted('i.', 'intent_nlu_fallback', counted) }} > 0 or {{ rasa_counted('i.', 'action_default_fallback', counted) }} > 0)
    ) as fallback_interactions,
    count(i.intent_confidence) filter (where not i.is_reverted) as intent_confidence_count,
    coalesce(sum(i.intent_confidence::numeric) filter (where not i.is_reverted), 0) as intent_confidence_sum
  from {{ ref('rasa_interactions') }} i
  {% if is_incremental() -%}
  where i.session_id in (select s.session_id from sessions s)
  {%- endif %}
  group by i.session_id
),

grouped as (
  select
    s.session_date,
    s.environment,
    coalesce(s.first_bot_model, '(none)') as first_bot_model,
    coalesce(s.input_channel, '(none)') as input_channel,
    count(*) as sessions,
    count(distinct s.user_key) as users,
    count(*) filter (where s.session_nr = 1) as new_users,
    count(*) filter (where s.is_bounced) as bounced_sessions,
    count(*) filter (where s.is_open) as open_sessions,
    count(*) filter (where not s.is_bounced and not s.is_open) as closed_dialogues,
    count(*) filter (where s.is_contained and not s.is_open) as contained_sessions,
    count(*) filter (where s.is_contained_no_return and not s.is_open) as contained_no_return_sessions,
    count(*) filter (where s.is_handed_off and not s.is_bounced) as handed_off_sessions,
    count(*) filter (where not s.is_bounced) as dialogues,
    sum(s.interactions_count)::bigint as interactions,
    sum(f.dialogue_interactions)::bigint as dialogue_interactions,
    sum(f.fallback_interactions)::bigint as fallback_interactions,
    count(*) filter (where not s.is_bounced and {{ rasa_counted('s.', 'intents_frustrated', counted) }} > 0) as frustrated_sessions,
    count(*) filter (where not s.is_bounced and {{ rasa_counted('s.', 'intents_raise_dispute', counted) }} > 0) as disputed_sessions,
    count(*) filter (where not s.is_bounced and {{ rasa_counted('s.', 'intents_happy', counted) }} > 0) as happy_sessions,
    sum(f.intent_confidence_count)::bigint as intent_confidence_count,
    sum(f.intent_confidence_sum) as intent_confidence_sum
  from sessions s
  join fallbacks f on f.session_id = s.session_id
  group by 1, 2, 3, 4
  union all
  select
    d.session_date, '__unknown', '(none)', '(none)', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  from days d
  where not exists (select 1 from sessions s where s.session_date = d.session_date)
)

select
  g.session_date,
  g.environment,
  g.first_bot_model,
  g.input_channel,
  g.sessions,
  g.users,
  g.new_users,
  g.bounced_sessions,
  g.open_sessions,
  g.closed_dialogues,
  g.contained_sessions,
  g.contained_no_return_sessions,
  g.handed_off_sessions,
  g.dialogues,
  g.interactions,
  g.dialogue_interactions,
  g.fallback_interactions,
  g.frustrated_sessions,
  g.disputed_sessions,
  g.happy_sessions,
  g.intent_confidence_count,
  g.intent_confidence_sum::numeric(24,6) as intent_confidence_sum,
  g.bounced_sessions::double precision / nullif(g.sessions, 0) as bounce_rate,
  g.contained_sessions::double precision / nullif(g.closed_dialogues, 0) as containment_rate,
  g.contained_no_return_sessions::double precision / nullif(g.closed_dialogues, 0) as containment_no_return_rate,
  g.handed_off_sessions::double precision / nullif(g.dialogues, 0) as handover_rate,
  g.fallback_interactions::double precision / nullif(g.dialogue_interactions, 0) as fallback_rate
from grouped g
