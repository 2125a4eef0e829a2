{{ config(materialized='table') }}
{#
  Loads to process, fixed before anything is read: complete (a row of status 0), not given up, and not processed yet.
  A retried load has several rows of status 0 and counts once. A full refresh takes them all.
#}
select l.load_id::text as load_id, min(l.inserted_at) as inserted_at
from {{ rasa_loads() }} l
group by l.load_id
having bool_or(l.status = 0) and not bool_or(l.status = -1)
{%- if not rasa_takes_all_loads() %}
   and l.load_id::text not in ({{ rasa_processed_loads() }})
{%- endif %}
