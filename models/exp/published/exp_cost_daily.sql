{{
  config(
    materialized=session_materialization(),
    unique_key='event_date',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['event_date', 'slice']}, {'columns': ['experiment_id', 'variant_id']}]
  )
}}
-- Requests, tokens and cost by day. A cost that was not reported is estimated from the seed model_pricing.
-- depends_on: {{ ref('base_exp__event_experiments') }}
{%- set tz = var('reporting_timezone', 'UTC') %}
{%- set day_begin = "d.event_date::timestamp at time zone '" ~ tz ~ "'" %}
{%- set day_end = "(d.event_date + 1)::timestamp at time zone '" ~ tz ~ "'" %}
with

{% if is_incremental() -%}
-- Days with news, and days whose prices are others now.
touched as (
  {{ event_dates_touched(this) }}
  union
  select d.event_date
  from (select distinct t.event_date, t.price_list from {{ this }} t) d
  where d.price_list <> {{ price_list_between(day_begin, day_end) }}
),
{%- endif %}

-- Copies are not counted. They are here so that a date never disappears.
copies as (
  select
    b.event_id,
    b.event_date,
    b.event_type as request_type,
    r.event_id is not null as is_accepted,
    r.token_count,
    r.reported_cost_usd,
    r.estimated_cost_usd,
    b._ingested_at
  from {{ ref('base_exp__events') }} b
  left join {{ ref('int_exp__requests') }} r
    on r.event_id = b.event_id
   {% if is_incremental() -%}
   and r.event_date = any (array(select t.event_date from touched t))
   {%- endif %}
  where b.event_type in ('plan_generated', 'message_sent') and b.quarantine_reason is null
    and (
      b.latency_ms is not null or b.token_count is not null or b.cost_usd is not null
      or b.input_tokens is not null or b.output_tokens is not null or b.constraint_respect_score is not null
    )
    {% if is_incremental() -%}
    and b.event_date = any (array(select t.event_date from touched t))
    {%- endif %}
),

requests as (
  select 'total'::text as slice, null::uuid as experiment_id, null::uuid as variant_id,
         null::timestamptz as assignment_ingested_at, c.is_accepted as counts, c.*
  from copies c
  union all
  select 'experiment', x.experiment_id, x.variant_id, x.assignment_ingested_at, c.is_accepted and not x.is_pre_exposure, c.*
  from copies c
  join {{ ref('base_exp__event_experiments') }} x on x.event_id = c.event_id
  {% if is_incremental() -%}
  where x.event_date = any (array(select t.event_date from touched t))
  {%- endif %}
),

counted as (
  select
    r.event_date,
    r.slice,
    r.request_type,
    r.experiment_id,
    r.variant_id,
    count(*) filter (where r.counts) as requests,
    count(r.token_count) filter (where r.counts) as requests_with_tokens,
    coalesce(sum(r.token_count) filter (where r.counts), 0)::bigint as tokens,
    count(r.reported_cost_usd) filter (where r.counts) as requests_with_reported_cost,
    count(r.estimated_cost_usd) filter (where r.counts) as requests_with_estimated_cost,
    coalesce(sum(r.reported_cost_usd) filter (where r.counts), 0)::numeric(18,6) as reported_cost_usd,
    coalesce(sum(r.estimated_cost_usd) filter (where r.counts), 0)::numeric(18,6) as estimated_cost_usd,
    max(r._ingested_at) as source_ingested_at,
    max(r.assignment_ingested_at) as assignment_ingested_at
  from requests r
  group by 1, 2, 3, 4, 5
  having r.slice = 'total' or count(*) filter (where r.counts) > 0
),

price_lists as (
  select d.event_date, {{ price_list_between(day_begin, day_end) }} as price_list
  from (select distinct c.event_date from counted c) d
)

select
  c.event_date,
  c.slice,
  c.request_type,
  c.experiment_id,
  c.variant_id,
  c.requests,
  c.requests_with_tokens,
  c.tokens,
  c.tokens::double precision / nullif(c.requests_with_tokens, 0) as tokens_per_request,
  c.reported_cost_usd,
  c.estimated_cost_usd,
  (c.reported_cost_usd + c.estimated_cost_usd)::numeric(18,6) as cost_usd,
  c.requests - c.requests_with_reported_cost - c.requests_with_estimated_cost as requests_without_cost,
  case
    when c.requests_with_reported_cost > 0 and c.requests_with_estimated_cost > 0 then 'mixed'
    when c.requests_with_reported_cost > 0 then 'reported'
    when c.requests_with_estimated_cost > 0 then 'estimated'
    else 'none'
  end as cost_source,
  p.price_list,
  c.source_ingested_at,
  c.assignment_ingested_at
from counted c
join price_lists p on p.event_date = c.event_date
