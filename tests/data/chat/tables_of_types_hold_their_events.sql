-- Unpacked: each event has its row in the table of its type, and each row there its event, where the table is there.
{{ config(enabled=var('rasa_layout', 'tracker_store') == 'unpacked') }}
-- depends_on: {{ ref('base_rasa__events') }}
{%- set there = rasa_unpacked_tables() -%}
{%- for type in ['user', 'bot', 'action', 'slot', 'session_started', 'restart', 'rewind', 'user_featurization']
    if 'event_' ~ type in there %}
{%- set table = source('rasa_event', 'event_' ~ type) %}
select '{{ type }}' as event, b._record_hash, 'table' as missing_in
from {{ ref('base_rasa__events') }} b
where b.event = '{{ type }}' and b._record_hash is not null and not exists (select 1 from {{ table }} t where t._record_hash = b._record_hash)
union all
select '{{ type }}', e._record_hash, 'events'
from {{ source('rasa_event', 'event') }} e
join {{ table }} t on t._record_hash = e._record_hash
where e._load_id::text in (select b._load_id from {{ ref('base_rasa__events') }} b)
  and not exists (select 1 from {{ ref('base_rasa__events') }} b where b._record_hash = e._record_hash and b.event = '{{ type }}')
union all
{%- endfor %}
select null, null, null where false
