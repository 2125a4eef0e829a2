-- How many values cleaning took away and how many rows were copies, by model, column and reason.
select 'stg_voice__turns' as model, split_part(f.flag, ':', 1) as column_name, split_part(f.flag, ':', 2) as reason,
       count(*) as rows
from {{ ref('stg_voice__turns') }} t
cross join lateral unnest(t.dq_flags) as f(flag)
group by 1, 2, 3
union all
select 'stg_voice__sessions', split_part(f.flag, ':', 1), split_part(f.flag, ':', 2), count(*)
from {{ ref('stg_voice__sessions') }} s
cross join lateral unnest(s.dq_flags) as f(flag)
group by 1, 2, 3
union all
select 'stg_voice__turns', 'turn_id', 'copy',
       (select count(*) from {{ source('voice', 'voice_turns') }} t where t.turn_id is not null and t.session_id is not null)
       - count(*)
from {{ ref('stg_voice__turns') }}
union all
select 'stg_voice__turns', case when t.turn_id is null then 'turn_id' else 'session_id' end, 'missing', count(*)
from {{ source('voice', 'voice_turns') }} t
where t.turn_id is null or t.session_id is null
group by 2
union all
select 'stg_voice__ai_metrics', 'session_id', 'missing', count(*)
from {{ source('voice', 'voice_ai_metrics') }} m
where m.session_id is null
having count(*) > 0
union all
select 'stg_voice__sessions', 'session_id', 'copy',
       (select count(*) from {{ source('voice', 'voice_sessions') }}) - count(*)
from {{ ref('stg_voice__sessions') }}
union all
-- Users, metrics and applications keep no flags: what their newest copies say is read again.
{% for model, table, key in [
  ('stg_voice__users', 'users', 'user_id'),
  ('stg_voice__ai_metrics', 'voice_ai_metrics', 'session_id'),
  ('stg_voice__applications', 'applications', 'application_id'),
] -%}
select '{{ model }}', '{{ key }}', 'copy',
       (select count(*) from {{ source('voice', table) }} t where t.{{ key }} is not null) - count(*)
from {{ ref(model) }}
union all
select '{{ model }}', f.column_name, f.reason, count(distinct t.{{ key }})
from {{ source('voice', table) }} t
join {{ ref(model) }} s on s.{{ key }} = t.{{ key }} and s._ingested_at = t.ingested_at
cross join lateral (
  {% if table == 'users' -%}
  values ('region', 'not_recognised', trim(t.region) <> '' and s.region = 'unknown'),
         ('has_disability', 'not_recognised', trim(t.disability_flag) <> '' and s.has_disability is null),
         ('is_first_time_user', 'not_recognised', trim(t.first_time_digital_user) <> '' and s.is_first_time_user is null)
  {%- elif table == 'voice_ai_metrics' -%}
  values {% for column in ['avg_asr_confidence', 'avg_intent_confidence', 'misunderstanding_rate', 'silence_rate'] -%}
         ('{{ column }}', 'out_of_range', t.{{ column }} is not null and s.{{ column }} is null),
         {% endfor -%}
         ('is_recovered', 'not_recognised', trim(t.recovery_success) <> '' and s.is_recovered is null),
         ('is_escalated', 'not_recognised', trim(t.escalation_flag) <> '' and s.is_escalated is null)
  {%- else -%}
  values ('time_to_submit_seconds', 'negative', t.time_to_submit_sec < 0)
  {%- endif %}
) as f(column_name, reason, is_so)
where f.is_so
group by 2, 3
union all
{% endfor -%}
select 'fact_voice_ai_sessions', 'session', f.flag, count(*)
from {{ ref('fact_voice_ai_sessions') }} s
cross join lateral unnest(s.dq_flags) as f(flag)
group by 3
