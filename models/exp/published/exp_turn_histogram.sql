{{ config(materialized='table') }}
-- Settled sessions since the assignment by their number of turns, per arm. Valid per experiment; never added up across experiments.
select
  x.experiment_id,
  x.variant_id,
  s.turns,
  count(*) as sessions
from {{ ref('exp_session_experiments') }} x
join {{ ref('exp_conversation_sessions') }} s on s.session_id = x.session_id
where s.is_settled and not x.is_pre_exposure
group by 1, 2, 3
