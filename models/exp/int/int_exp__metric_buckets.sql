{{
  config(
    materialized=session_materialization(),
    unique_key=['bucket_type', 'bucket_start'],
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['bucket_type', 'bucket_start']},
      {'columns': ['experiment_id', 'variant_id', 'metric_name']},
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
  where b._known_at >= {{ ingested_since(this) }}
  union
  select b.event_at
  from {{ ref('base_exp__events') }} b
  where b.event_type = 'plan_generated' and b.plan_id = any (array(select p.plan_id from plans_touched p))
  union
  select x.event_at
  from {{ ref('base_exp__event_experiments') }} x
  where x.assignment_ingested_at >= {{ ingested_since(this, 'assignment_ingested_at') }}
  union
  select s.started_at
  from {{ ref('exp_session_experiments') }} x
  join {{ ref('exp_conversation_sessions') }} s on s.session_id = x.session_id
  where x.assignment_ingested_at >= {{ ingested_since(this, 'assignment_ingested_at') }}
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
  select date_trunc('day', m.event_at at time zone '{{ tz }}') at time zone '{{ tz }}' as bucket_start from moments m
  union
  select s.bucket_start from stored s where s.bucket_type = 'daily'
),

touched_hours as (
  select date_trunc('hour', m.event_at, 'UTC') as bucket_start from moments m
  union
  select s.bucket_start from stored s where s.bucket_type = 'hourly'
),

-- An hour of UTC may lie in two days of a time zone.
dates as (
  select {{ reporting_date('d.bucket_start') }} as observed_date from touched_days d
  union
  select {{ reporting_date('h.bucket_start') }} from touched_hours h
  union
  select {{ reporting_date("h.bucket_start + interval '1 hour' - interval '1 microsecond'") }} from touched_hours h
),
{%- endif %}

of_requests as (
  select x.experiment_id, x.variant_id, o.metric_name, r.event_at as observed_at, o.value
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
  select x.experiment_id, x.variant_id, o.metric_name, p.generated_at as observed_at, o.value
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
  select x.experiment_id, x.variant_id, o.metric_name, s.started_at as observed_at, o.value
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
  select v.experiment_id, v.variant_id, v.metric_name, v.observed_at, v.value, 0 as open_sessions,
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
  select null, null, null, b.event_at, null, 0, b._ingested_at, null
  from {{ ref('base_exp__events') }} b
  {% if is_incremental() -%}
  where b.event_date = any (array(select d.observed_date from dates d))
  {%- endif %}
  union all
  select null, null, null, x.event_at, null, 0, null, x.assignment_ingested_at
  from {{ ref('base_exp__event_experiments') }} x
  where x.assignment_ingested_at is not null
  {% if is_incremental() -%}
    and x.event_date = any (array(select d.observed_date from dates d))
  {%- endif %}
  union all
  select null, null, null, s.started_at, null, 1, null, null
  from {{ ref('exp_conversation_sessions') }} s
  where s.status = 'in_progress'
  {% if is_incremental() -%}
    and s.start_date = any (array(select d.observed_date from dates d))
  {%- endif %}
),

bucketed as (
  select
    o.*, 'daily'::text as bucket_type,
    date_trunc('day', o.observed_at at time zone '{{ tz }}') at time zone '{{ tz }}' as bucket_start,
    (date_trunc('day', o.observed_at at time zone '{{ tz }}') + interval '1 day') at time zone '{{ tz }}' as bucket_end
  from observed o
  union all
  select
    o.*, 'hourly', date_trunc('hour', o.observed_at, 'UTC'), date_trunc('hour', o.observed_at, 'UTC') + interval '1 hour'
  from observed o
),

summed as (
  select
    b.bucket_type,
    b.bucket_start,
    b.bucket_end,
    b.experiment_id,
    b.variant_id,
    b.metric_name,
    count(b.value) as observations,
    sum(b.value) as total,
    sum(b.value * b.value) as squares,
    min(b.value) as least,
    max(b.value) as greatest,
    sum(b.open_sessions)::bigint as open_sessions,
    max(b.source_ingested_at) as source_ingested_at,
    max(b.assignment_ingested_at) as assignment_ingested_at
  from bucketed b
  {% if is_incremental() -%}
  where (b.bucket_type = 'daily' and b.bucket_start in (select d.bucket_start from touched_days d))
    or (b.bucket_type = 'hourly' and b.bucket_start in (select h.bucket_start from touched_hours h))
  {%- endif %}
  group by 1, 2, 3, 4, 5, 6
)

select
  s.*,
  case when s.metric_name is null then {{ price_list_between('s.bucket_start', 's.bucket_end') }} end as price_list
from summed s
