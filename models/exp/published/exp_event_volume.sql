{{
  config(
    materialized=session_materialization(),
    unique_key='event_hour',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['event_hour', 'event_type'], 'unique': true}]
  )
}}
{#
  All raw rows by hour of arrival and type, those out of all metrics included; hours without any are there with zero, so that
  silence can be seen.
#}
{%- set counts -%}
  b.event_type,
      count(*) as events,
      count(*) filter (where b.verdict = 'duplicate') as duplicate_events,
      count(*) filter (where b.verdict = 'quarantined') as quarantined_events
{%- endset %}
with

{% if is_incremental() -%}
-- Verdicts change within a scope.
news as (
  select date_trunc('hour', b.created_at, 'UTC') as event_hour, b.event_type
  from {{ ref('base_exp__events') }} b
  where {{ at_or_after('b._known_at', ingested_since(this, 'event_hour')) }}
  group by 1, 2
),
{%- endif %}

types as (
  {% if is_incremental() -%}
  select n.event_type from news n
  union
  select t.event_type from {{ this }} t
  {%- else -%}
  select distinct b.event_type from {{ ref('base_exp__events') }} b
  {%- endif %}
),

span as (
  select generate_series(
    date_trunc('hour', min(b.created_at), 'UTC'), date_trunc('hour', max(b.created_at), 'UTC'), interval '1 hour'
  ) as event_hour
  from {{ ref('base_exp__events') }} b
),

hours as (
  select s.event_hour
  from span s
  {% if is_incremental() -%}
  where s.event_hour in (select n.event_hour from news n)
    or s.event_hour not in (select t.event_hour from {{ this }} t)
    -- A type that was never seen has zeros in every hour.
    or exists (select n.event_type from news n except select t.event_type from {{ this }} t)
  {%- endif %}
),

counted as (
  {% if is_incremental() -%}
  -- Hour by hour, so that an index finds the rows of each.
  select h.event_hour, c.*
  from hours h
  cross join lateral (
    select {{ counts }}
    from {{ ref('base_exp__events') }} b
    where b.created_at >= h.event_hour and b.created_at < h.event_hour + interval '1 hour'
    group by b.event_type
  ) c
  {%- else -%}
  select date_trunc('hour', b.created_at, 'UTC') as event_hour, {{ counts }}
  from {{ ref('base_exp__events') }} b
  group by 1, b.event_type
  {%- endif %}
)

select
  h.event_hour,
  t.event_type,
  coalesce(c.events, 0) as events,
  coalesce(c.duplicate_events, 0) as duplicate_events,
  coalesce(c.quarantined_events, 0) as quarantined_events
from hours h
cross join types t
left join counted c on c.event_hour = h.event_hour and c.event_type = t.event_type
