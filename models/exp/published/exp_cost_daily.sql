{{ config(materialized='table', indexes=[{'columns': ['event_date', 'slice']}, {'columns': ['experiment_id', 'variant_id']}]) }}
-- Requests, tokens and cost by day. A cost that was not reported is estimated from the seed model_pricing.
with

requests as (
  select 'total'::text as slice, null::uuid as experiment_id, null::uuid as variant_id, r.*
  from {{ ref('int_exp__requests') }} r
  union all
  select 'experiment', x.experiment_id, x.variant_id, r.*
  from {{ ref('int_exp__requests') }} r
  join {{ ref('stg_exp__event_experiments') }} x on x.event_id = r.event_id
  where not x.is_pre_exposure
),

counted as (
  select
    r.event_date,
    r.slice,
    r.request_type,
    r.experiment_id,
    r.variant_id,
    count(*) as requests,
    count(r.token_count) as requests_with_tokens,
    coalesce(sum(r.token_count), 0)::bigint as tokens,
    count(r.reported_cost_usd) as requests_with_reported_cost,
    count(r.estimated_cost_usd) as requests_with_estimated_cost,
    coalesce(sum(r.reported_cost_usd), 0)::numeric(18,6) as reported_cost_usd,
    coalesce(sum(r.estimated_cost_usd), 0)::numeric(18,6) as estimated_cost_usd
  from requests r
  group by 1, 2, 3, 4, 5
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
  c.reported_cost_usd + c.estimated_cost_usd as cost_usd,
  c.requests - c.requests_with_reported_cost - c.requests_with_estimated_cost as requests_without_cost,
  case
    when c.requests_with_reported_cost > 0 and c.requests_with_estimated_cost > 0 then 'mixed'
    when c.requests_with_reported_cost > 0 then 'reported'
    when c.requests_with_estimated_cost > 0 then 'estimated'
    else 'none'
  end as cost_source
from counted c
