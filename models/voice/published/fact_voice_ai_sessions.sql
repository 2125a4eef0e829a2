{{
  config(
    materialized='incremental',
    unique_key='session_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['session_id'], 'unique': true},
      {'columns': ['session_date']},
      {'columns': ['user_key']},
      {'columns': ['session_ingested_at']},
      {'columns': ['turns_ingested_at']},
      {'columns': ['metrics_ingested_at']},
      {'columns': ['user_ingested_at']},
    ]
  )
}}
{# Each source keeps a clock of its own, so a turn or a metrics row that comes late rebuilds its session. #}
with

{% if is_incremental() -%}
touched as (
  select s.session_id
  from {{ ref('stg_voice__sessions') }} s
  where {{ at_or_after('s._ingested_at', ingested_since(this, 'session_ingested_at')) }}
  union
  select t.session_id
  from {{ ref('int_voice__turns_by_session') }} t
  where {{ at_or_after('t._ingested_at', ingested_since(this, 'turns_ingested_at')) }}
  union
  select m.session_id
  from {{ ref('stg_voice__ai_metrics') }} m
  where {{ at_or_after('m._ingested_at', ingested_since(this, 'metrics_ingested_at')) }}
  union
  -- Users are few and change rarely: only those who differ from what their sessions say.
  select s.session_id
  from {{ ref('stg_voice__users') }} u
  join {{ ref('stg_voice__sessions') }} s on s.user_id = u.user_id
  join {{ this }} f on f.session_id = s.session_id
  where {{ at_or_after('u._ingested_at', ingested_since(this, 'user_ingested_at')) }}
    and (f.region, f.is_first_time_user, f.user_ingested_at)
        is distinct from (u.region, coalesce(u.is_first_time_user, false), u._ingested_at)
),
{%- endif %}

joined as (
  select
    s.*,
    coalesce(s.final_outcome, 'open') as outcome,
    u.region,
    u.is_first_time_user,
    u._ingested_at as user_ingested_at,
    t.user_turns,
    t.system_turns,
    coalesce(t.total_turns, 0) as total_turns,
    t.repeated_turn_numbers,
    t.misunderstanding_turns,
    t.silence_turns,
    t.noise_turns,
    coalesce(t.error_turns, 0) as error_turns,
    t.repeat_failure_turns,
    t.longest_error_run,
    t.first_error_position,
    t.avg_asr_confidence,
    t.min_asr_confidence,
    t.first3_asr_confidence,
    t.avg_asr_confidence_all,
    t.avg_intent_confidence,
    t.user_asr_confidence_sum,
    t.user_asr_confidence_count,
    t.turn_duration_seconds,
    t._ingested_at as turns_ingested_at,
    m.session_id is not null as has_metrics,
    m.is_recovered,
    coalesce(m.is_escalated, false) as is_escalated,
    m._ingested_at as metrics_ingested_at
  from {{ ref('stg_voice__sessions') }} s
  left join {{ ref('stg_voice__users') }} u on u.user_id = s.user_id
  left join {{ ref('int_voice__turns_by_session') }} t on t.session_id = s.session_id
  left join {{ ref('stg_voice__ai_metrics') }} m on m.session_id = s.session_id
  {% if is_incremental() -%}
  where s.session_id in (select t.session_id from touched t)
  {%- endif %}
)

select
  j.session_id,
  {{ pseudonym('j.user_id') }} as user_key,
  coalesce(j.region, 'unknown') as region,
  coalesce(j.region = 'rural', false) as is_rural,
  coalesce(j.is_first_time_user, false) as is_first_time_user,
  j.channel,
  j.language,
  j.asr_model_version,
  j.started_at as session_started_at,
  {{ reporting_date('j.started_at') }} as session_date,
  j.total_duration_seconds::numeric(18,3) as total_duration_seconds,
  j.turn_duration_seconds,
  j.turns_declared,
  j.total_turns::bigint as total_turns,
  coalesce(j.user_turns, 0)::bigint as user_turns,
  coalesce(j.system_turns, 0)::bigint as system_turns,
  j.avg_asr_confidence,
  j.min_asr_confidence,
  j.first3_asr_confidence,
  j.avg_asr_confidence_all,
  j.avg_intent_confidence,
  coalesce(j.user_asr_confidence_sum, 0)::numeric(18,6) as user_asr_confidence_sum,
  coalesce(j.user_asr_confidence_count, 0)::bigint as user_asr_confidence_count,
  coalesce(j.misunderstanding_turns, 0)::bigint as misunderstanding_turns,
  coalesce(j.silence_turns, 0)::bigint as silence_turns,
  coalesce(j.noise_turns, 0)::bigint as noise_turns,
  j.error_turns::bigint as error_turns,
  (j.total_turns - j.error_turns)::bigint as clean_turns,
  j.misunderstanding_turns::double precision / nullif(j.total_turns, 0) as ratio_misunderstanding_turns,
  j.silence_turns::double precision / nullif(j.total_turns, 0) as ratio_silence_turns,
  j.noise_turns::double precision / nullif(j.total_turns, 0) as ratio_noise_turns,
  (j.total_turns - j.error_turns)::double precision / nullif(j.total_turns, 0) as ratio_no_error_type_turns,
  j.error_turns::double precision / nullif(j.total_turns, 0) as turn_error_rate,
  coalesce(j.repeat_failure_turns, 0)::bigint as repeat_failure_turns,
  coalesce(j.longest_error_run, 0)::bigint as longest_error_run,
  j.first_error_position,
  j.outcome as final_outcome,
  j.outcome = 'completed' as is_completed,
  j.outcome = 'abandoned' as is_abandoned,
  j.outcome = 'transferred' as is_transferred,
  j.is_escalated,
  case
    when j.total_turns > 0 and j.error_turns = 0 then 'not_applicable'
    when j.is_recovered then 'yes'
    when not j.is_recovered then 'no'
    else 'unknown'
  end as is_recovered,
  case when j.outcome = 'transferred' then coalesce(j.transfer_reason, 'none') else 'none' end as transfer_reason,
  j.total_turns > 0 as has_turns,
  j.has_metrics,
  array_remove(array[
    case when j.total_turns = 0 then 'no_turns' end,
    case when not j.has_metrics then 'no_metrics' end,
    case when j.turns_declared is distinct from j.total_turns then 'turn_count_mismatch' end,
    case when j.repeated_turn_numbers > 0 then 'duplicate_turn_number' end,
    case when j.turn_duration_seconds > j.total_duration_seconds then 'duration_mismatch' end,
    case when j.transfer_reason is not null and j.transfer_reason <> 'none' and j.outcome <> 'transferred'
      then 'transfer_reason_without_transfer' end,
    case when j.has_metrics and j.is_escalated <> (j.outcome = 'transferred') then 'escalation_conflict' end,
    case when j.outcome = 'open' then 'not_closed' end
  ], null) as dq_flags,
  j._ingested_at as session_ingested_at,
  j.turns_ingested_at,
  j.metrics_ingested_at,
  j.user_ingested_at
from joined j
