{{
  config(
    materialized='incremental',
    unique_key='session_id',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['session_id'], 'unique': true}, {'columns': ['_ingested_at']}]
  )
}}
with fresh as (
  select
    session_id::text as session_id,
    {{ confidence('avg_asr_confidence') }} as avg_asr_confidence,
    {{ confidence('avg_intent_confidence') }} as avg_intent_confidence,
    {{ confidence('misunderstanding_rate') }} as misunderstanding_rate,
    {{ confidence('silence_rate') }} as silence_rate,
    {{ yes_no('recovery_success') }} as is_recovered,
    {{ yes_no('escalation_flag') }} as is_escalated,
    ingested_at as _ingested_at
  from {{ source('voice', 'voice_ai_metrics') }}
  where session_id is not null
  {% if is_incremental() -%}
    and {{ at_or_after('ingested_at', ingested_since(this, '_ingested_at')) }}
  {%- endif %}
)

{{ newest_copy('fresh', 'session_id', [
     'session_id', 'avg_asr_confidence', 'avg_intent_confidence', 'misunderstanding_rate', 'silence_rate',
     'is_recovered', 'is_escalated',
   ]) }}
