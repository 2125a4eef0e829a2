{{
  config(
    materialized=session_materialization(),
    unique_key=['bucket_type', 'bucket_start'],
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['bucket_type', 'bucket_start']},
      {'columns': ['experiment_id', 'variant_id', 'metric_name']},
      {'columns': ['source_ingested_at']},
      {'columns': ['assignment_ingested_at']},
    ]
  )
}}
{#
  Observations of metrics in arms, summed by hour and by day, for as long as there are events. The mean of the observations is
  the metric, so counts and sums add up at every level; rates are observations of 0 and 1. What happened before the unit was
  assigned is left out.
  Every bucket with an event has a row without a metric too, so that a bucket never disappears: it says what was known.
#}
-- depends_on: {{ ref('base_exp__events') }}
{%- set tz = var('reporting_timezone', 'UTC') %}
with

{% if is_incremental() -%}
plans_touched as (
  {{ plans_known_since(ingested_since(this)) }}
),

-- When something happened that is to be observed anew: events, plans at their generation, sessions at their start.
moments as (
  select b.event_at
  from {{ ref('base_exp__events') }} b
  where {{ at_or_after('b._known_at', ingested_since(this)) }}
  union
  select b.event_at
  from {{ each_by_index(
    'plans_touched', ref('base_exp__events'), 'b', "b.plan_id = l.plan_id and b.event_type = 'plan_generated'"
  ) }}
  union
  select x.event_at
  from {{ ref('base_exp__event_experiments') }} x
  where {{ at_or_after('x.assignment_ingested_at', ingested_since(this, 'assignment_ingested_at')) }}
  union
  select s.started_at
  from {{ ref('exp_session_experiments') }} x
  join {{ ref('exp_conversation_sessions') }} s on s.session_id = x.session_id
  where {{ at_or_after('x.assignment_ingested_at', ingested_since(this, 'assignment_ingested_at')) }}
  union
  -- Sessions in progress time out by the passing of as_of alone.
  select s.started_at
  from {{ ref('exp_conversation_sessions') }} s
  where s.status = 'in_progress'
),

stored as (
  select t.bucket_type, t.bucket_start
  from {{ this }} t
  where t.metric_name is null
    and (t.open_sessions > 0 or t.price_list <> {{ price_list_between('t.bucket_start', 't.bucket_end') }})
),

touched_days as (
  select {{ reporting_date('m.event_at') }} as bucket_date from moments m
  union
  select {{ reporting_date('s.bucket_start') }} from stored s where s.bucket_type = 'daily'
),

touched_hours as (
  select date_bin('1 hour', m.event_at, 'epoch') as bucket_start from moments m
  union
  select s.bucket_start from stored s where s.bucket_type = 'hourly'
),

-- An hour of UTC may lie in two days of a time zone.
dates as (
  select d.bucket_date as observed_date from touched_days d
  union
  select {{ reporting_date('h.bucket_start') }} from touched_hours h
  union
  select {{ reporting_date("h.bucket_start + interval '1 hour' - interval '1 microsecond'") }} from touched_hours h
),
{%- endif %}

of_requests as (
  select x.experiment_id, x.variant_id, o.metric_name, r.event_at as observed_at, r.event_date as observed_date, o.value
  from {{ ref('int_exp__requests') }} r
  join {{ ref('stg_exp__event_experiments') }} x on x.event_id = r.event_id
  cross join lateral (
    values
      (case r.request_type when 'plan_generated' then 'plan_latency_ms' else 'message_latency_ms' end, r.latency_ms::numeric),
      (case r.request_type when 'plan_generated' then 'plan_tokens' else 'message_tokens' end, r.token_count::numeric),
      ('cost_usd_per_request', coalesce(r.reported_cost_usd, r.estimated_cost_usd)::numeric),
      ('constraint_respect_score', case when r.request_type = 'plan_generated' then r.constraint_respect_score::numeric end)
  ) as o(metric_name, value)
  where not x.is_pre_exposure
  {% if is_incremental() -%}
    and x.event_date = any (array(select d.observed_date from dates d))
    and r.event_date = any (array(select d.observed_date from dates d))
  {%- endif %}
),

of_plans as (
  select x.experiment_id, x.variant_id, o.metric_name, p.generated_at as observed_at, p.plan_date as observed_date, o.value
  from {{ ref('exp_plans') }} p
  join {{ ref('stg_exp__event_experiments') }} x on x.event_id = p.generated_event_id
  cross join lateral (
    values
      ('acceptance_rate', p.is_accepted::int::numeric),
      ('edits_per_accepted_plan', case when p.is_accepted then p.edits::numeric end),
      ('swaps_per_plan', p.swaps::numeric),
      ('validator_rate', (p.interventions > 0)::int::numeric)
  ) as o(metric_name, value)
  where not x.is_pre_exposure
  {% if is_incremental() -%}
    and p.plan_date = any (array(select d.observed_date from dates d))
  {%- endif %}
),

of_sessions as (
  select x.experiment_id, x.variant_id, o.metric_name, s.started_at as observed_at, s.start_date as observed_date, o.value
  from {{ ref('exp_conversation_sessions') }} s
  join {{ ref('exp_session_experiments') }} x on x.session_id = s.session_id
  cross join lateral (
    values
      ('completion_rate', case when s.is_settled then (s.status = 'completed')::int::numeric end),
      ('drop_off_rate', case when s.is_settled then (s.status in ('dropped_off', 'timed_out', 'cancelled'))::int::numeric end),
      ('engagement_rate', s.is_engaged::int::numeric),
      ('turns', case when s.is_settled then s.turns::numeric end),
      ('time_to_completion_seconds', s.time_to_completion_seconds::numeric),
      ('satisfaction_score', s.satisfaction_score::numeric)
  ) as o(metric_name, value)
  where not x.is_pre_exposure
  {% if is_incremental() -%}
    and s.start_date = any (array(select d.observed_date from dates d))
  {%- endif %}
),

observed as (
  select v.experiment_id, v.variant_id, v.metric_name, v.observed_at, v.observed_date, v.value, 0 as open_sessions,
         null::timestamptz as source_ingested_at, null::timestamptz as assignment_ingested_at
  from (
    select * from of_requests
    union all
    select * from of_plans
    union all
    select * from of_sessions
  ) v
  where v.value is not null
  union all
  select null, null, null, b.event_at, b.event_date, null, 0, b._ingested_at, null
  from {{ ref('base_exp__events') }} b
  {% if is_incremental() -%}
  where b.event_date = any (array(select d.observed_date from dates d))
  {%- endif %}
  union all
  select null, null, null, x.event_at, x.event_date, null, 0, null, x.assignment_ingested_at
  from {{ ref('base_exp__event_experiments') }} x
  where x.assignment_ingested_at is not null
  {% if is_incremental() -%}
    and x.event_date = any (array(select d.observed_date from dates d))
  {%- endif %}
  union all
  select null, null, null, s.started_at, s.start_date, null, 1, null, null
  from {{ ref('exp_conversation_sessions') }} s
  where s.status = 'in_progress'
  {% if is_incremental() -%}
    and s.start_date = any (array(select d.observed_date from dates d))
  {%- endif %}
),

{% set sums -%}
    o.experiment_id,
    o.variant_id,
    o.metric_name,
    count(o.value) as observations,
    sum(o.value) as total,
    sum(o.value * o.value) as squares,
    min(o.value) as least,
    max(o.value) as greatest,
    sum(o.open_sessions)::bigint as open_sessions,
    max(o.source_ingested_at) as source_ingested_at,
    max(o.assignment_ingested_at) as assignment_ingested_at
{%- endset -%}
days as (
  select
    'daily'::text as bucket_type,
    o.observed_date::timestamp at time zone '{{ tz }}' as bucket_start,
    (o.observed_date + 1)::timestamp at time zone '{{ tz }}' as bucket_end,
    {{ sums }}
  from observed o
  {% if is_incremental() -%}
  where o.observed_date in (select d.bucket_date from touched_days d)
  {%- endif %}
  group by o.observed_date, o.experiment_id, o.variant_id, o.metric_name
),

hours as (
  select
    'hourly'::text as bucket_type,
    date_bin('1 hour', o.observed_at, 'epoch') as bucket_start,
    date_bin('1 hour', o.observed_at, 'epoch') + interval '1 hour' as bucket_end,
    {{ sums }}
  from observed o
  {% if is_incremental() -%}
  where date_bin('1 hour', o.observed_at, 'epoch') in (select h.bucket_start from touched_hours h)
  {%- endif %}
  group by date_bin('1 hour', o.observed_at, 'epoch'), o.experiment_id, o.variant_id, o.metric_name
),

summed as (
  select * from days
  union all
  select * from hours
)

select
  s.*,
  case when s.metric_name is null then {{ price_list_between('s.bucket_start', 's.bucket_end') }} end as price_list
from summed s
