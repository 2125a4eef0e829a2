{{ config(materialized='table') }}
-- A drop-off is a request that is never filled.
select
  s.active_form,
  s.slot_name_normalised as slot_name,
  count(*) as requests,
  count(s.fill_event_interaction_id) as filled_requests,
  coalesce(sum(s.attempts_until_fill), 0)::bigint as attempts_until_fill,
  count(*) - count(s.fill_event_interaction_id) as drop_offs,
  count(s.fill_event_interaction_id)::double precision / count(*) as slot_fill_rate,
  avg(s.attempts_until_fill)::double precision as attempts_per_fill
from {{ ref('rasa_slots') }} s
where s.slot_action_normalised = 'requested_slot' and s.active_form is not null and not s.is_reverted
group by 1, 2
