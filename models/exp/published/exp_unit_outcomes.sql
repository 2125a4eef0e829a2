{{
  config(
    materialized=session_materialization(),
    unique_key=['unit_type', 'user_key'],
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['experiment_id', 'unit_type', 'user_key'], 'unique': true},
      {'columns': ['experiment_id', 'variant_id']},
      {'columns': ['unit_type', 'user_key']},
      {'columns': ['user_key']},
      {'columns': ['source_ingested_at']},
      {'columns': ['assignment_ingested_at']},
    ]
  )
}}
{#
  Units of experiments with a numerator and a denominator per metric: a metric of an arm is the ratio of their sums. What
  happened before the assignment is in the covariates, not in the outcomes.
#}
-- depends_on: {{ ref('base_exp__events') }}
with

{% if is_incremental() -%}
touched as (
  {{ units_touched(this) }}
),

touched_keys as (
  select t.unit_type, t.unit_id, {{ pseudonym('t.unit_id') }} as user_key from touched t
),
{%- endif %}

-- Copies take part: a unit that was once seen in an experiment never leaves it. They are not counted.
in_events as (
  select
    x.experiment_id,
    x.unit_type,
    {{ pseudonym('x.unit_id') }} as user_key,
    (array_agg(x.embedded_variant_id order by x.verdict, x.event_at, x.event_id))[1] as embedded_variant_id,
    coalesce(bool_or(x.variant_mismatch) filter (where x.verdict = 'accepted'), false) as variant_mismatch,
    count(distinct x.embedded_variant_id) filter (where x.verdict = 'accepted') > 1 as is_crossover,
    min(x.event_at) filter (where x.verdict = 'accepted' and not x.is_pre_exposure) as exposed_at,
    count(*) filter (where x.verdict = 'accepted' and not x.is_pre_exposure) as events,
    max(x._ingested_at) as source_ingested_at
  {% if is_incremental() -%}
  from {{ each_by_index(
    'touched', ref('base_exp__event_experiments'), 'x', 'x.unit_type = l.unit_type and x.unit_id = l.unit_id'
  ) }}
  {%- else -%}
  from {{ ref('base_exp__event_experiments') }} x
  {%- endif %}
  group by x.experiment_id, x.unit_type, x.unit_id
),

assigned as (
  select a.experiment_id, a.unit_type, {{ pseudonym('a.unit_id') }} as user_key, a.variant_id, a.assigned_at, a.created_at
  from {{ ref('stg_exp__assignments') }} a
  {% if is_incremental() -%}
  join touched t on t.unit_type = a.unit_type and t.unit_id = a.unit_id
  {%- endif %}
),

units as (
  select
    coalesce(a.experiment_id, e.experiment_id) as experiment_id,
    coalesce(a.unit_type, e.unit_type) as unit_type,
    coalesce(a.user_key, e.user_key) as user_key,
    coalesce(a.variant_id, e.embedded_variant_id) as variant_id,
    case when a.variant_id is not null then 'assignment' else 'event' end as variant_source,
    a.assigned_at,
    e.exposed_at,
    coalesce(e.events, 0) as events,
    coalesce(e.variant_mismatch, false) as variant_mismatch,
    coalesce(e.is_crossover, false) as is_crossover,
    e.source_ingested_at,
    a.created_at as assignment_ingested_at
  from assigned a
  full join in_events e
    on e.experiment_id = a.experiment_id and e.unit_type = a.unit_type and e.user_key = a.user_key
),

-- All sessions and plans of these units, whatever the experiment.
sessions as (
  select s.session_id, s.unit_type, s.user_key, s.started_at, s.status, s.is_engaged, s.is_settled, s.turns,
         s.time_to_completion_seconds, s.satisfaction_score, s.tokens_total
  {% if is_incremental() -%}
  from {{ each_by_index(
    'touched_keys', ref('exp_conversation_sessions'), 's', 's.unit_type = l.unit_type and s.user_key = l.user_key'
  ) }}
  {%- else -%}
  from {{ ref('exp_conversation_sessions') }} s
  {%- endif %}
),

generated_plans as (
  select p.generated_event_id, p.unit_type, p.user_key, p.generated_at, p.is_accepted, p.edits, p.swaps, p.interventions
  {% if is_incremental() -%}
  from {{ each_by_index('touched_keys', ref('exp_plans'), 'p', 'p.unit_type = l.unit_type and p.user_key = l.user_key') }}
  {%- else -%}
  from {{ ref('exp_plans') }} p
  {%- endif %}
),

of_sessions as (
  select
    x.experiment_id,
    s.unit_type,
    s.user_key,
    count(*) as sessions,
    count(*) filter (where s.is_engaged) as engaged_sessions,
    count(*) filter (where s.is_settled) as settled_sessions,
    count(*) filter (where s.status = 'completed') as completed_sessions,
    sum(s.turns) filter (where s.is_settled) as settled_turns,
    sum(s.time_to_completion_seconds) filter (where s.status = 'completed') as completion_seconds,
    sum(s.satisfaction_score) as satisfaction_sum,
    count(s.satisfaction_score) as satisfaction_count,
    sum(s.tokens_total) as tokens_total
  from sessions s
  join {{ ref('exp_session_experiments') }} x on x.session_id = s.session_id
  where not x.is_pre_exposure
  group by 1, 2, 3
),

of_plans as (
  select
    x.experiment_id,
    p.unit_type,
    p.user_key,
    count(*) as plans,
    count(*) filter (where p.is_accepted) as accepted_plans,
    sum(p.edits) filter (where p.is_accepted) as accepted_plan_edits,
    sum(p.swaps) as swaps,
    count(*) filter (where p.interventions > 0) as intervened_plans
  from generated_plans p
  join {{ ref('stg_exp__event_experiments') }} x on x.event_id = p.generated_event_id
  where not x.is_pre_exposure
  group by 1, 2, 3
),

sessions_before as (
  select u.experiment_id, u.unit_type, u.user_key, count(*) as sessions,
         count(*) filter (where s.status = 'completed') as completed_sessions
  from units u
  join sessions s on s.user_key = u.user_key and s.unit_type = u.unit_type and s.started_at < u.assigned_at
  group by 1, 2, 3
),

plans_before as (
  select u.experiment_id, u.unit_type, u.user_key, count(*) as plans, count(*) filter (where p.is_accepted) as accepted_plans
  from units u
  join generated_plans p
    on p.user_key = u.user_key and p.unit_type = u.unit_type and p.generated_at < u.assigned_at
  group by 1, 2, 3
)

select
  u.experiment_id,
  u.unit_type,
  u.user_key,
  u.variant_id,
  u.variant_source,
  u.assigned_at,
  u.exposed_at,
  u.variant_mismatch,
  u.is_crossover,
  u.events::bigint as events,
  coalesce(s.sessions, 0)::bigint as sessions,
  coalesce(s.engaged_sessions, 0)::bigint as engaged_sessions,
  coalesce(s.settled_sessions, 0)::bigint as settled_sessions,
  coalesce(s.completed_sessions, 0)::bigint as completed_sessions,
  coalesce(s.settled_turns, 0)::bigint as settled_turns,
  coalesce(s.completion_seconds, 0)::numeric(18,3) as completion_seconds,
  coalesce(s.satisfaction_sum, 0)::numeric(18,3) as satisfaction_sum,
  coalesce(s.satisfaction_count, 0)::bigint as satisfaction_count,
  coalesce(s.tokens_total, 0)::bigint as tokens_total,
  coalesce(p.plans, 0)::bigint as plans,
  coalesce(p.accepted_plans, 0)::bigint as accepted_plans,
  coalesce(p.accepted_plan_edits, 0)::bigint as accepted_plan_edits,
  coalesce(p.swaps, 0)::bigint as swaps,
  coalesce(p.intervened_plans, 0)::bigint as intervened_plans,
  coalesce(bs.sessions, 0)::bigint as sessions_before,
  coalesce(bs.completed_sessions, 0)::bigint as completed_sessions_before,
  coalesce(bp.plans, 0)::bigint as plans_before,
  coalesce(bp.accepted_plans, 0)::bigint as accepted_plans_before,
  u.source_ingested_at,
  u.assignment_ingested_at
from units u
left join of_sessions s on s.experiment_id = u.experiment_id and s.unit_type = u.unit_type and s.user_key = u.user_key
left join of_plans p on p.experiment_id = u.experiment_id and p.unit_type = u.unit_type and p.user_key = u.user_key
left join sessions_before bs
  on bs.experiment_id = u.experiment_id and bs.unit_type = u.unit_type and bs.user_key = u.user_key
left join plans_before bp
  on bp.experiment_id = u.experiment_id and bp.unit_type = u.unit_type and bp.user_key = u.user_key
