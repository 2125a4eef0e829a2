{{ config(materialized='table') }}
-- How many sessions of a month get as far as their n-th interaction; interaction 0 is every session.
select
  date_trunc('month', s.session_date)::date as session_month,
  n.interaction_nr::bigint as interaction_nr,
  count(*) as sessions
from {{ ref('rasa_sessions') }} s
cross join lateral generate_series(0, s.interactions_count) as n(interaction_nr)
group by 1, 2
