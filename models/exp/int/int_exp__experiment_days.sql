{{
  config(
    materialized=session_materialization(),
    unique_key='event_date',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['event_date', 'experiment_id'], 'unique': true}, {'columns': ['source_ingested_at']}]
  )
}}
-- Accepted events and units of each experiment by day. Every day with an event has a row without an experiment too, so that it
-- says what was known of it.
with

{% if is_incremental() -%}
-- Verdicts change within a scope.
touched as (
  select distinct b.event_date
  from {{ ref('base_exp__events') }} b
  where {{ at_or_after('b._known_at', ingested_since(this)) }}
),
{%- endif %}

-- Hashed before it is counted: `count(distinct)` would sort every event.
by_unit as (
  select x.event_date, x.experiment_id, x.unit_type, x.unit_id, count(*) as events
  from {{ ref('stg_exp__event_experiments') }} x
  {% if is_incremental() -%}
  where x.event_date = any (array(select t.event_date from touched t))
  {%- endif %}
  group by 1, 2, 3, 4
)

select u.event_date, u.experiment_id, sum(u.events)::bigint as events, count(*) as units, null::timestamptz as source_ingested_at
from by_unit u
group by 1, 2
union all
select b.event_date, null, null, null, max(b._ingested_at)
from {{ ref('base_exp__events') }} b
{% if is_incremental() -%}
where b.event_date = any (array(select t.event_date from touched t))
{%- endif %}
group by 1
