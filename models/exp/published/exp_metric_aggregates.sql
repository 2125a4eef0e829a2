{{
  config(
    materialized='table',
    indexes=[
      {'columns': ['experiment_id', 'variant_id', 'metric_name', 'bucket_type', 'bucket_start'], 'unique': true},
      {'columns': ['bucket_type', 'bucket_start']},
    ]
  )
}}
{#
  Counts, sums and sums of squares add up over buckets, so mean and stddev of any span of time can be computed from them;
  means and standard deviations themselves cannot be averaged.
#}
{%- set tz = var('reporting_timezone', 'UTC') -%}
with

buckets as (
  select
    v.experiment_id, v.variant_id, v.metric_name, 'daily'::text as bucket_type,
    date_trunc('day', v.observed_at at time zone '{{ tz }}') at time zone '{{ tz }}' as bucket_start,
    (date_trunc('day', v.observed_at at time zone '{{ tz }}') + interval '1 day') at time zone '{{ tz }}' as bucket_end,
    v.value
  from {{ ref('int_exp__metric_values') }} v
  where v.observed_at >= {{ as_of() }} - interval '{{ var("daily_metrics_kept", "1 year") }}'
  union all
  select
    v.experiment_id, v.variant_id, v.metric_name, 'hourly',
    date_trunc('hour', v.observed_at, 'UTC'), date_trunc('hour', v.observed_at, 'UTC') + interval '1 hour',
    v.value
  from {{ ref('int_exp__metric_values') }} v
  where v.observed_at >= date_trunc('hour', {{ as_of() }} - interval '{{ var("hourly_metrics_kept", "30 days") }}', 'UTC')
),

summed as (
  select
    b.experiment_id, b.variant_id, b.metric_name, b.bucket_type, b.bucket_start, b.bucket_end,
    count(*) as n,
    sum(b.value) as total,
    sum(b.value * b.value) as squares,
    min(b.value) as least,
    max(b.value) as greatest
  from buckets b
  group by 1, 2, 3, 4, 5, 6
)

select
  s.experiment_id,
  s.variant_id,
  s.metric_name,
  s.bucket_type,
  s.bucket_start,
  s.bucket_end,
  s.n as count,
  s.total::numeric(24,6) as sum,
  s.squares::numeric(38,12) as sum_sq,
  s.least::numeric(20,6) as min,
  s.greatest::numeric(20,6) as max,
  (s.total / s.n)::numeric(20,6) as mean,
  {{ sample_stddev('s.n', 's.total', 's.squares') }}::numeric(20,6) as stddev
from summed s
