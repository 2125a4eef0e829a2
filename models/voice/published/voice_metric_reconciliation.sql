{{ config(materialized='table', indexes=[{'columns': ['session_id'], 'unique': true}]) }}
-- Averages and rates that the voice service delivers, beside those of the turns.
select
  f.session_id,
  f.session_date,
  f.avg_asr_confidence_all as asr_confidence_of_turns,
  m.avg_asr_confidence as asr_confidence_delivered,
  m.avg_asr_confidence - f.avg_asr_confidence_all as asr_confidence_difference,
  f.ratio_misunderstanding_turns as misunderstanding_rate_of_turns,
  m.misunderstanding_rate as misunderstanding_rate_delivered,
  m.misunderstanding_rate - f.ratio_misunderstanding_turns as misunderstanding_rate_difference,
  f.ratio_silence_turns as silence_rate_of_turns,
  m.silence_rate as silence_rate_delivered,
  m.silence_rate - f.ratio_silence_turns as silence_rate_difference,
  t.avg_intent_confidence_all as intent_confidence_of_turns,
  m.avg_intent_confidence as intent_confidence_delivered,
  m.avg_intent_confidence - t.avg_intent_confidence_all as intent_confidence_difference,
  {% for delivered, computed in [
    ('m.avg_asr_confidence', 'f.avg_asr_confidence_all'),
    ('m.avg_intent_confidence', 't.avg_intent_confidence_all'),
    ('m.misunderstanding_rate', 'f.ratio_misunderstanding_turns'),
    ('m.silence_rate', 'f.ratio_silence_turns'),
  ] -%}
  coalesce(abs({{ delivered }} - {{ computed }}) <= 0.000001, {{ delivered }} is null and {{ computed }} is null)
  {{- ' and ' if not loop.last }}
  {%- endfor %} as is_reconciled
from {{ ref('fact_voice_ai_sessions') }} f
join {{ ref('stg_voice__ai_metrics') }} m on m.session_id = f.session_id
join {{ ref('int_voice__turns_by_session') }} t on t.session_id = f.session_id
where f.has_turns
