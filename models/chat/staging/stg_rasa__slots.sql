{{
  config(
    materialized='incremental',
    unique_key='sender_id',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['slot_record_hash'], 'unique': true}, {'columns': ['sender_id']}, {'columns': ['session_key']}]
  )
}}
{#
  Slot events, each request for a slot with the first attempt and the first fill after it, in the same session, form,
  form number and slot.
#}
with

slots as (
  select
    e.*,
    e.slot_value is null as value_is_null,
    case
      when e.value = 'requested_slot' then e.slot_value
      else e.value
    end as slot_name_normalised,
    case
      when e.value = 'requested_slot' and e.slot_value is not null then 'requested_slot'
      when e.value = 'requested_slot' then 'end_of_request'
      when e.active_form is not null then 'filled_slot'
    end as slot_action_normalised
  from {{ ref('stg_rasa__event_sequence') }} e
  where e.event = 'slot' and {{ rasa_in_scope('e.sender_id') }}
),

-- The least place and hash as one text, so that the hash comes along.
linked as (
  select
    s.*,
    min(case when s.slot_action_normalised = 'filled_slot' then lpad(s.pos::text, 19, '0') || s._record_hash end) over f
      as next_attempt,
    min(
      case when s.slot_action_normalised = 'filled_slot' and not s.value_is_null
        then lpad(s.pos::text, 19, '0') || s._record_hash end
    ) over f as next_fill,
    count(*) filter (where s.slot_action_normalised = 'filled_slot') over (
      partition by s.session_key, s.active_form, s.active_form_nr, s.slot_name_normalised order by s.pos
      rows unbounded preceding
    ) as attempts_so_far
  from slots s
  window f as (
    partition by s.session_key, s.active_form, s.active_form_nr, s.slot_name_normalised order by s.pos
    rows between 1 following and unbounded following
  )
)

select
  l._record_hash as slot_record_hash,
  l.sender_id,
  l.sender_key,
  l.user_key,
  l.session_id,
  l.session_key,
  l.session_nr,
  l.interaction_nr,
  l.interaction_id,
  l.pos,
  l."timestamp",
  l._load_id,
  l.environment,
  l.active_form,
  l.active_form_nr,
  l.is_reverted,
  l.value as name,
  l.slot_value as value,
  l.value_is_null,
  l.slot_name_normalised,
  l.slot_action_normalised,
  case when l.slot_action_normalised = 'requested_slot' and l.active_form is not null then substr(l.next_attempt, 20) end
    as next_slot_fill_attempt_record_hash,
  case when l.slot_action_normalised = 'requested_slot' and l.active_form is not null then substr(l.next_fill, 20) end
    as next_slot_fill_record_hash,
  l.attempts_so_far
from linked l
