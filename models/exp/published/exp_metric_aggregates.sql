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
  A table over buckets that follow the change one by one: as_of moves on and takes old buckets away, which no delta could.
#}
{%- set tz = var('reporting_timezone', 'UTC') %}
select
  b.experiment_id,
  b.variant_id,
  b.metric_name,
  b.bucket_type,
  b.bucket_start,
  b.bucket_end,
  b.observations as count,
  b.total::numeric(24,6) as sum,
  b.squares::numeric(38,12) as sum_sq,
  b.least::numeric(20,6) as min,
  b.greatest::numeric(20,6) as max,
  (b.total / b.observations)::numeric(20,6) as mean,
  {{ sample_stddev('b.observations', 'b.total', 'b.squares') }}::numeric(20,6) as stddev
from {{ ref('int_exp__metric_buckets') }} b
where b.metric_name is not null
  -- Whole buckets only.
  and b.bucket_start >= case b.bucket_type
    when 'daily' then date_trunc(
      'day', ({{ as_of() }} - interval '{{ var("daily_metrics_kept", "1 year") }}') at time zone '{{ tz }}'
    ) at time zone '{{ tz }}'
    else date_trunc('hour', {{ as_of() }} - interval '{{ var("hourly_metrics_kept", "30 days") }}', 'UTC')
  end
