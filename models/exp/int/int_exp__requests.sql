-- What a model was asked for: plans and messages, with latency, tokens and cost. A cost that was not reported is estimated
-- from the price list; tokens that are not split into input and output are split by var('output_token_share').
select
  e.event_id,
  e.event_type as request_type,
  e.event_at,
  e.event_date,
  e.model_provider,
  e.model_name,
  e.latency_ms,
  coalesce(e.token_count, e.input_tokens + e.output_tokens) as token_count,
  e.constraint_respect_score,
  e.cost_usd as reported_cost_usd,
  case when e.cost_usd is null then
    (case
      when e.input_tokens is not null and e.output_tokens is not null
        then e.input_tokens * p.input_usd_per_1k + e.output_tokens * p.output_usd_per_1k
      else e.token_count * (
        p.input_usd_per_1k + {{ var('output_token_share', 0.35) }} * (p.output_usd_per_1k - p.input_usd_per_1k)
      )
    end / 1000)::numeric(18,6)
  end as estimated_cost_usd
from {{ ref('stg_exp__events') }} e
left join lateral (
  select m.input_usd_per_1k, m.output_usd_per_1k
  from {{ ref('model_pricing') }} m
  where m.model_provider = e.model_provider and m.model_name = e.model_name
    and e.event_at >= m.valid_from and (m.valid_to is null or e.event_at < m.valid_to)
  order by m.valid_from desc
  limit 1
) p on true
where e.event_type in ('plan_generated', 'message_sent')
  and (
    e.latency_ms is not null or e.token_count is not null or e.cost_usd is not null
    or e.input_tokens is not null or e.output_tokens is not null or e.constraint_respect_score is not null
  )
