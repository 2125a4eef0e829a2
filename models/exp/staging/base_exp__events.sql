{{
  config(
    materialized=session_materialization(),
    unique_key='scope_key',
    incremental_strategy='delete+insert',
    post_hook='analyze {{ this }}',
    indexes=[
      {'columns': ['event_id']},
      {'columns': ['scope_key']},
      {'columns': ['session_id']},
      {'columns': ['unit_type', 'unit_id']},
      {'columns': ['event_date']},
      {'columns': ['plan_id']},
      {'columns': ['_known_at']},
      {'columns': ['created_at']},
      {'columns': ['quarantine_reason']},
    ]
  )
}}
{#
  Every raw event once, typed, with a verdict: accepted, duplicate or quarantined.
  Duplicates are found inside a scope, the session or (without one) the unit's day, so a scope is recomputed as a whole.
#}
{%- set stitch = var('stitch_missing_sessions', false) -%}
{%- set numbers = [
  ('turn_number', 'metrics', 'int', 0, 10000, 'bigint'),
  ('total_turns', 'metrics', 'int', 0, 10000, 'bigint'),
  ('latency_ms', 'metrics', 'num', 0, 86400000, 'numeric(12,3)'),
  ('token_count', 'metrics', 'int', 0, 1000000000, 'bigint'),
  ('input_tokens', 'metrics', 'int', 0, 1000000000, 'bigint'),
  ('output_tokens', 'metrics', 'int', 0, 1000000000, 'bigint'),
  ('cost_usd', 'metrics', 'num', 0, 1000000, 'numeric(18,6)'),
  ('total_duration_seconds', 'metrics', 'num', 0, 31536000, 'numeric(18,3)'),
  ('time_since_last_message_seconds', 'metrics', 'num', 0, 31536000, 'numeric(18,3)'),
  ('constraint_respect_score', 'metrics', 'num', 0, 1, 'numeric(10,6)'),
  ('message_length', 'payload', 'int', 0, 100000000, 'bigint'),
  ('meal_count', 'payload', 'int', 0, 100000, 'bigint'),
  ('satisfaction_score', 'payload', 'num', 1, 5, 'numeric(4,2)'),
  ('progress', 'payload', 'share', 0, 100, 'double precision'),
] -%}
{#- Column, document, key where it is another. A name is a text or a number of at most 255 characters. -#}
{%- set texts = [
  ('session_id', 'context', 'session_id'),
  ('flow_id', 'context', 'flow_id'),
  ('flow_version', 'context', 'flow_version'),
  ('current_state', 'context', 'current_state'),
  ('context_last_active_state', 'context', 'last_active_state'),
  ('prompt_version_id', 'context', 'prompt_version_id'),
  ('policy_version_id', 'context', 'policy_version_id'),
  ('model_provider', 'context', 'model_provider'),
  ('model_name', 'context', 'model_name'),
  ('app_version', 'context', 'app_version'),
  ('platform', 'context', 'platform'),
  ('next_state', 'payload', 'next_state'),
  ('completion_reason', 'payload', 'completion_reason'),
  ('final_state', 'payload', 'final_state'),
  ('drop_off_reason', 'payload', 'drop_off_reason'),
  ('payload_last_active_state', 'payload', 'last_active_state'),
  ('entry_point', 'payload', 'entry_point'),
  ('plan_id', 'payload', 'plan_id'),
  ('rejection_reason', 'payload', 'rejection_reason'),
  ('intervention_type', 'payload', 'intervention_type'),
  ('edit_type', 'payload', 'edit_type'),
] -%}
{%- set uuid_pattern = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' %}

with

known_variants as (
  select experiment_id::text as experiment_id, variant_id::text as variant_id, created_at
  from {{ ref('stg_exp__variants') }}
),

{% if is_incremental() -%}
arrived as (
  select
    {{ json_name('e.context', 'session_id') }} as session_id, e.unit_type::text as unit_type, e.unit_id::text as unit_id,
    (e."timestamp" at time zone 'UTC')::date as event_date
  from {{ source('exp', 'events') }} e
  where {{ at_or_after('e.created_at', ingested_since(this, 'created_at')) }} and isfinite(e.created_at)
  union
  -- A variant that arrives after its events makes them valid.
  select t.session_id, t.unit_type, t.unit_id, (t.event_at at time zone 'UTC')::date
  from {{ this }} t
  where t.quarantine_reason = 'unknown_variant'
    and not exists (
      select 1
      from jsonb_array_elements(t.experiments) as m(doc)
      left join known_variants v
        on v.experiment_id = m.doc ->> 'experiment_id' and v.variant_id = m.doc ->> 'variant_id'
      where v.variant_id is null
    )
),

raw_events as (
  select e.*
  from {{ source('exp', 'events') }} e
  where e.context ->> 'session_id' in (select a.session_id from arrived a where a.session_id is not null)
  union all
  select e.*
  from {{ source('exp', 'events') }} e
  join (select distinct unit_type, unit_id, event_date from arrived where session_id is null) a
    on a.unit_type = e.unit_type and a.unit_id = e.unit_id
   and a.event_date = (e."timestamp" at time zone 'UTC')::date
  where {{ json_name('e.context', 'session_id') }} is null
),
{%- else -%}
raw_events as (
  select e.* from {{ source('exp', 'events') }} e
),
{%- endif %}

read as (
  select
    e.id as event_id,
    e.event_type::text as event_type,
    e.unit_type::text as unit_type,
    e.unit_id::text as unit_id,
    e."timestamp" as event_at,
    e.created_at,
    e.experiments as raw_experiments,
    -- A retry differs from its first attempt in these two keys only.
    case when jsonb_typeof(e.context) = 'object' then e.context - '{request_id,attempt}'::text[] else e.context end
      as content_context,
    e.metrics,
    e.payload,
    {% for name, doc, key in texts -%}
    {{ json_name('e.' ~ doc, key) }} as {{ name }},
    {% endfor -%}
    {{ json_name('e.context', 'request_id') }} as request_id,
    case when lower(e.payload ->> 'sender') in ('user', 'bot') then lower(e.payload ->> 'sender') end as sender,
    {% for name, doc, kind, lo, hi, type in numbers -%}
    {{ json_num('e.' ~ doc, name) }} as n_{{ name }}{{ ',' if not loop.last }}
    {% endfor %}
  from raw_events e
  -- Without a time of arrival nobody can tell when to read a row: the test every_raw_event_has_a_verdict shows it.
  where isfinite(e.created_at)
),

typed as (
  select
    r.*,
    {% for name, doc, kind, lo, hi, type in numbers -%}
    {% if kind == 'int' -%}
    {{ whole_within('r.n_' ~ name, lo, hi) }}
    {%- elif kind == 'share' -%}
    {{ share_of_progress('r.n_' ~ name) }}
    {%- else -%}
    {{ number_within('r.n_' ~ name, lo, hi, type) }}
    {%- endif %} as {{ name }},
    {% endfor -%}
    m.experiments,
    m.experiment_count,
    m.variants_created_at,
    case
      when coalesce(jsonb_typeof(r.raw_experiments), '') <> 'array' then 'experiments_not_array'
      when m.not_uuids > 0 then 'experiment_id_not_uuid'
      when m.unknown > 0 then 'unknown_variant'
      when r.event_at > r.created_at + interval '5 minutes' then 'timestamp_in_future'
      when r.event_at < '2015-01-01 00:00:00+00'::timestamptz then 'timestamp_before_2015'
      {% if not stitch -%}
      when r.session_id is null and r.event_type in {{ conversation_event_types() }} then 'session_without_id'
      {% endif -%}
    end as quarantine_reason,
    case
      when r.session_id is not null then 'session:' || r.session_id
      {% if stitch -%}
      when r.event_type in {{ conversation_event_types() }} then 'stitch:' || r.unit_type || ':' || r.unit_id
      {% endif -%}
      else 'unit:' || r.unit_type || ':' || r.unit_id || ':' || (r.event_at at time zone 'UTC')::date
    end as scope_key
  from read r
  cross join lateral (
    select
      coalesce(
        jsonb_agg(
          jsonb_build_object('experiment_id', k.experiment_id, 'variant_id', k.variant_id) order by k.ordinal
        ), '[]'::jsonb
      ) as experiments,
      count(*) as experiment_count,
      count(*) filter (
        where coalesce(k.experiment_id, '') !~ '{{ uuid_pattern }}' or coalesce(k.variant_id, '') !~ '{{ uuid_pattern }}'
      ) as not_uuids,
      count(*) filter (where v.variant_id is null) as unknown,
      max(v.created_at) as variants_created_at
    from (
      select lower(a.doc ->> 'experiment_id') as experiment_id, lower(a.doc ->> 'variant_id') as variant_id, a.ordinal
      from jsonb_array_elements(
        case when jsonb_typeof(r.raw_experiments) = 'array' then r.raw_experiments else '[]'::jsonb end
      ) with ordinality as a(doc, ordinal)
    ) k
    left join known_variants v on v.experiment_id = k.experiment_id and v.variant_id = k.variant_id
  ) m
),

ranked as (
  select
    t.*,
    -- Rejected rows are copies of rejected rows only, so no rejected row takes the place of a good one.
    -- jsonb equality: 1.0 and 1.00 are the same number, key order does not matter.
    row_number() over (
      partition by t.scope_key, t.quarantine_reason is null, t.event_at, t.event_type, t.unit_type, t.unit_id,
                   t.raw_experiments, t.content_context, t.metrics, t.payload
      order by t.created_at, t.event_id
    ) as content_copy,
    case when t.request_id is not null then
      row_number() over (
        partition by t.scope_key, t.quarantine_reason is null, t.unit_type, t.unit_id, t.request_id, t.event_type,
                     t.sender, t.turn_number
        order by t.created_at, t.event_id
      )
    end as request_copy,
    max(t.created_at) over (partition by t.scope_key) as _ingested_at,
    max(greatest(t.created_at, t.variants_created_at)) over (partition by t.scope_key) as _known_at
  from typed t
),

judged as (
  select
    r.*,
    case
      when r.content_copy > 1 or r.request_copy > 1 then 'duplicate'
      when r.quarantine_reason is not null then 'quarantined'
      else 'accepted'
    end as verdict
  from ranked r
)
{%- if stitch %},

gaps as (
  select
    j.event_id,
    coalesce(
      j.event_at - lag(j.event_at) over (
        partition by j.unit_type, j.unit_id, coalesce(j.flow_id, '') order by j.event_at, j.event_id
      ) > {{ session_idle_limit() }}, true
    ) as opens
  from judged j
  where j.verdict = 'accepted' and j.session_id is null and j.event_type in {{ conversation_event_types() }}
),

stitched as (
  select
    j.event_id,
    'synth-' || {{ pseudonym('j.unit_id') }} || '-' || count(*) filter (where g.opens) over (
      partition by j.unit_type, j.unit_id order by coalesce(j.flow_id, ''), j.event_at, j.event_id
      rows unbounded preceding
    ) as session_id
  from judged j
  join gaps g on g.event_id = j.event_id
)
{%- endif %}

select
  j.event_id,
  j.scope_key,
  j.verdict,
  j.quarantine_reason,
  j.event_type,
  j.unit_type,
  j.unit_id,
  {{ 'coalesce(j.session_id, s.session_id)' if stitch else 'j.session_id' }} as session_id,
  j.event_at,
  {{ reporting_date('j.event_at') }} as event_date,
  j.created_at,
  j.experiments,
  j.experiment_count,
  j.flow_id,
  j.flow_version,
  j.current_state,
  j.context_last_active_state,
  j.payload_last_active_state,
  j.prompt_version_id,
  j.policy_version_id,
  j.model_provider,
  j.model_name,
  j.app_version,
  j.platform,
  j.request_id,
  j.sender,
  j.next_state,
  j.completion_reason,
  j.final_state,
  j.drop_off_reason,
  j.entry_point,
  j.plan_id,
  j.rejection_reason,
  j.intervention_type,
  j.edit_type,
  {% for name, doc, kind, lo, hi, type in numbers -%}
  j.{{ name }},
  {% endfor -%}
  array_remove(array[
    {% for name, doc, kind, lo, hi, type in numbers -%}
    {{ json_rejection('j.' ~ doc, name, 'j.n_' ~ name, 'j.' ~ name, name) }},
    {% endfor -%}
    {% for name, doc, key in texts -%}
    {{ name_rejection('j.content_context' if doc == 'context' else 'j.payload', key, 'j.' ~ name, name) }},
    {% endfor -%}
    case when j.sender is null and coalesce(j.payload ->> 'sender', '') <> '' then 'sender:unknown' end
  ], null) as dq_flags,
  j._ingested_at,
  j._known_at
from judged j
{% if stitch -%}
left join stitched s on s.event_id = j.event_id
{% endif -%}
