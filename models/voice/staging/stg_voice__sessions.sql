{{
  config(
    materialized='incremental',
    unique_key='session_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['session_id'], 'unique': true},
      {'columns': ['user_id']},
      {'columns': ['_ingested_at']},
    ]
  )
}}
with fresh as (
  select
    session_id::text as session_id,
    user_id::text as user_id,
    coalesce(nullif(lower(trim(channel)), ''), 'unknown') as channel,
    coalesce(nullif(upper(trim(language)), ''), 'UNKNOWN') as language,
    coalesce(nullif(trim(asr_model_version), ''), 'unknown') as asr_model_version,
    coalesce({{ time_or_day('started_at') }}, {{ time_or_day('created_at') }}) as started_at,
    {{ time_or_day('ended_at') }} as ended_at,
    case when total_duration_sec >= 0 then total_duration_sec end as total_duration_seconds,
    case when total_turns >= 0 then total_turns::bigint end as turns_declared,
    nullif(lower(trim(final_outcome)), '') as final_outcome,
    nullif(lower(trim(transfer_reason)), '') as transfer_reason,
    array_remove(array[
      case when total_duration_sec < 0 then 'total_duration_seconds:negative' end,
      case when total_turns < 0 then 'turns_declared:negative' end
    ], null) as dq_flags,
    ingested_at as _ingested_at
  from {{ source('voice', 'voice_sessions') }}
  {% if is_incremental() -%}
  where {{ at_or_after('ingested_at', ingested_since(this, '_ingested_at')) }}
  {%- endif %}
)

-- A session may be delivered open and again closed; of copies ingested together the closed one is the later one.
{{ newest_copy('fresh', 'session_id', [
     'session_id', 'user_id', 'channel', 'language', 'asr_model_version', 'started_at', 'ended_at',
     'total_duration_seconds', 'turns_declared', 'final_outcome', 'transfer_reason', 'dq_flags',
   ], prefer_where='p.final_outcome is not null') }}
