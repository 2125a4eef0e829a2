{{
  config(
    materialized='incremental',
    unique_key='sender_id',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['sender_id'], 'unique': true}]
  )
}}
-- Who a sender is: the first person that its events name. Only events in new loads change that.
with

senders as (
  select distinct e.sender_id
  from {{ ref('base_rasa__events') }} e
  {%- if is_incremental() %}
  join {{ ref('stg_rasa__load_ids') }} l on l.load_id = e._load_id
  {%- else %}
  -- depends_on: {{ ref('stg_rasa__load_ids') }}
  {%- endif %}
  where e.quarantine_reason is null
),

named as (
  select distinct on (e.sender_id) e.sender_id, e.person_id, e."timestamp" as identified_at
  from {{ ref('base_rasa__events') }} e
  where e.quarantine_reason is null and e.person_id is not null
    {%- if is_incremental() %}
    and e.sender_id in (select s.sender_id from senders s)
    {%- endif %}
  order by e.sender_id, e."timestamp", e.seq, e._record_hash
),

identities as (
  select s.sender_id, coalesce(n.person_id, s.sender_id) as user_id, n.identified_at
  from senders s
  left join named n on n.sender_id = s.sender_id
)

select
  i.sender_id,
  {{ pseudonym('i.sender_id') }} as sender_key,
  i.user_id,
  {{ pseudonym('i.user_id') }} as user_key,
  i.identified_at
from identities i
