{{
  config(
    materialized=session_materialization(),
    unique_key='session_id',
    incremental_strategy='delete+insert',
    indexes=[
      {'columns': ['event_id'], 'unique': true},
      {'columns': ['session_id']},
      {'columns': ['event_at']},
      {'columns': ['source_ingested_at']},
    ]
  )
}}
-- depends_on: {{ ref('base_exp__events') }}
select
  e.event_id,
  e.session_id,
  {{ pseudonym('e.unit_id') }} as user_key,
  e.unit_type,
  e.event_type,
  e.event_at,
  {{ reporting_date('e.event_at') }} as event_date,
  e.flow_id,
  e.flow_version,
  e.current_state,
  e.context_last_active_state,
  e.payload_last_active_state,
  e.sender,
  e.turn_number,
  e.latency_ms::numeric(12,3) as latency_ms,
  e.token_count,
  e.cost_usd::numeric(18,6) as cost_usd,
  e.message_length,
  e.total_turns as reported_turns,
  e.total_duration_seconds::numeric(18,3) as reported_duration_seconds,
  e.time_since_last_message_seconds::numeric(18,3) as reported_seconds_since_last_message,
  e.completion_reason,
  e.final_state,
  e.satisfaction_score::numeric(4,2) as satisfaction_score,
  e.drop_off_reason,
  e.progress,
  e.entry_point,
  e.platform,
  e.app_version,
  e.model_provider,
  e.model_name,
  e.prompt_version_id,
  e.dq_flags,
  e._ingested_at as source_ingested_at
from {{ ref('stg_exp__events') }} e
where e.session_id is not null
  and e.event_type in {{ conversation_event_types() }}
{% if is_incremental() %}
  and e.session_id in ({{ sessions_known_since(ingested_since(this)) }})
{% endif %}
