{# Checked while the project is read: anything else would only fail in the database. #}
{% macro rasa_layout() -%}
{%- set layout = var('rasa_layout', 'tracker_store') -%}
{%- if layout not in ['tracker_store', 'unpacked'] -%}
  {{ exceptions.raise_compiler_error("rasa_layout is `" ~ layout ~ "`; it is tracker_store or unpacked") }}
{%- endif -%}
{{ return(layout) }}
{%- endmacro %}

{% macro rasa_loads() -%}
{{ return(source('rasa_tracker', '_loads') if rasa_layout() == 'tracker_store' else source('rasa_event', '_loads')) }}
{%- endmacro %}

{# The column of user events that names the person: sender_id where nothing does. #}
{% macro rasa_plain_identifier(name) -%}
{%- set column = var(name, 'sender_id') | string -%}
{%- if not modules.re.match('^[A-Za-z_][A-Za-z0-9_]*$', column) -%}
  {{ exceptions.raise_compiler_error("the var " ~ name ~ " is `" ~ column ~ "`; it is a column of event_user, a plain identifier") }}
{%- endif -%}
{{ return(column) }}
{%- endmacro %}

{# What is counted, by interaction and session: [{name, event: user|action|slot, values: [...]}]. #}
{% macro rasa_count_metrics() -%}
{%- set metrics = rasa_list('count_metrics') -%}
{%- set names = [] -%}
{%- for metric in metrics -%}
  {%- if metric is not mapping or metric.event not in ['user', 'action', 'slot'] or not metric['values'] or metric['values'] is string or not modules.re.match('^[a-z][a-z0-9_]*$', metric.name | string) -%}
    {{ exceptions.raise_compiler_error("count_metrics: " ~ metric ~ " needs a name, an event (user, action or slot) and a list of values") }}
  {%- endif -%}
  {%- if metric.name in names -%}
    {{ exceptions.raise_compiler_error("count_metrics: there are two of the name " ~ metric.name) }}
  {%- endif -%}
  {%- do names.append(metric.name) -%}
{%- endfor -%}
{{ return(metrics) }}
{%- endmacro %}

{% macro rasa_text_list(values) -%}
({% for value in values %}'{{ value | string | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{# Intents that open a story: the seed, or the var where the seed is empty. #}
{% macro rasa_story_intents() -%}
select intent_name::text as intent_name from {{ ref('story_intents') }}
{%- for intent in rasa_list('story_intents') %}
union
select '{{ intent | replace("'", "''") }}' where not exists (select 1 from {{ ref('story_intents') }})
{%- endfor %}
{%- endmacro %}

{# A session without an event for this long is closed. #}
{% macro rasa_session_timeout() -%}
interval '60 minutes'
{%- endmacro %}

{# A count of interactions or sessions; 0 where count_metrics does not have it. #}
{% macro rasa_counted(prefix, metric, counted) -%}
{{ prefix ~ metric ~ '_count' if metric in counted else '0' }}
{%- endmacro %}

{# Who processes loads: each place that models are built in does so for itself. #}
{% macro rasa_consumer() -%}
{{ generate_schema_name(none, none) | trim }}
{%- endmacro %}

{# The log of loads that were processed, where it exists. It is written last, so that no model may refer to it. #}
{% macro rasa_commits() -%}
{%- if execute -%}
{{ return(adapter.get_relation(database=target.database, schema=generate_schema_name('int', none) | trim, identifier='rasa_loads_commit')) }}
{%- endif -%}
{{ return(none) }}
{%- endmacro %}

{# Loads that were processed before this run, as a query of load_id. #}
{% macro rasa_processed_loads() -%}
{%- set commits = rasa_commits() -%}
{%- if commits is not none -%}
select load_id from {{ commits }} where consumer = '{{ rasa_consumer() }}' and status = 1
{%- else -%}
select null::text as load_id where false
{%- endif -%}
{%- if rasa_switch('rasa_write_source_loads', false) %}
union
select load_id::text from {{ rasa_loads() }} where status = 1
{%- endif -%}
{%- endmacro %}

{# In an increment: the senders whose rows are written again. Elsewhere: all. #}
{% macro rasa_in_scope(column='sender_id') -%}
{%- set senders = ref('stg_rasa__sender_ids') -%}
{%- if is_incremental() -%}
{{ column }} in (select s.{{ column.split('.')[-1] }} from {{ senders }} s where s.in_scope)
{%- else -%}
true
{%- endif -%}
{%- endmacro %}

{# Model names as people write them; a project may define its own macro of this name. #}
{% macro rasa_model_name_custom(name, sdk_version) -%}
{{ name }} || coalesce('_' || {{ sdk_version }}, '')
{%- endmacro %}

{# Types of events that the models know; others are kept and counted. #}
{% macro rasa_event_types() -%}
{{ return(['user', 'bot', 'action', 'slot', 'session_started', 'active_loop', 'loop_interrupted', 'action_execution_rejected',
           'restart', 'rewind', 'undo', 'reset_slots', 'pause', 'resume', 'followup', 'user_featurization', 'entities', 'agent',
           'reminder', 'cancel_reminder', 'export', 'stack', 'flow_started', 'flow_interrupted', 'flow_resumed',
           'flow_completed', 'flow_cancelled', 'agent_started', 'agent_interrupted', 'agent_resumed', 'agent_completed',
           'agent_cancelled', 'routing_session_ended', 'session_ended', 'conversation_inactive', 'error']) }}
{%- endmacro %}

{# A full refresh reads every load again. A macro, so that a unit test can say what it is about. #}
{% macro rasa_takes_all_loads() -%}
{{ return(flags.FULL_REFRESH) }}
{%- endmacro %}

{# Status 1 in the source's own log, where it is asked for. One log serves one consumer. #}
{% macro rasa_write_source_log() -%}
{%- set loads = rasa_loads() -%}
insert into {{ loads }} (load_id, status, inserted_at)
select l.load_id, 1, {{ as_of() }} from {{ ref('stg_rasa__load_ids') }} l
where not exists (select 1 from {{ loads }} s where s.load_id = l.load_id and s.status = 1)
{%- endmacro %}

{#
  Why a text is no name of anything: it is longer than any name, holds a document, an at sign or a telephone number. Null where it
  may be one.
#}
{% macro rasa_no_name(column) -%}
case
  when length({{ column }}) > 255 then 'too_long'
  when {{ column }} ~ '[{[]' then 'document'
  when {{ column }} ~ '[@＠]' or {{ looks_personal(column) }} then 'personal'
end
{%- endmacro %}
