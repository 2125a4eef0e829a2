{#
  What of the events' world has changed since a table was built, for tables by date, by unit and by plan. Events of a scope
  (a session, or a unit's day) change together; so does what an assignment decides, and what a plan became.
  `stored` has the columns source_ingested_at and assignment_ingested_at.
  Dates are few and are compared as an array, since a plan for it then uses the index. What may be many is looked up one by one.
#}
{% macro plans_known_since(since) -%}
select distinct b.plan_id
from {{ ref('base_exp__events') }} b
where b.plan_id is not null and {{ at_or_after('b._known_at', since) }}
{%- endmacro %}

{# Dates with an event, a copy of one included, that was not seen yet or whose arm an assignment has decided since. #}
{% macro event_dates_touched(stored) -%}
select b.event_date
from {{ ref('base_exp__events') }} b
where {{ at_or_after('b._known_at', ingested_since(stored)) }}
union
select x.event_date
from {{ ref('base_exp__event_experiments') }} x
where {{ at_or_after('x.assignment_ingested_at', ingested_since(stored, 'assignment_ingested_at')) }}
{%- endmacro %}

{# Dates on which a plan was generated that has changed since, or that was said to be generated then. #}
{% macro plan_dates_touched(stored) -%}
select b.event_date
from {{ each_by_index(
  '(' ~ plans_known_since(ingested_since(stored)) ~ ')', ref('base_exp__events'), 'b',
  "b.plan_id = l.plan_id and b.event_type = 'plan_generated'"
) }}
union
select x.event_date
from {{ ref('base_exp__event_experiments') }} x
where x.event_type = 'plan_generated'
  and {{ at_or_after('x.assignment_ingested_at', ingested_since(stored, 'assignment_ingested_at')) }}
{%- endmacro %}

{#
  Units with an event that was not seen yet, or whose plan has such an event; that were assigned since; and those with a
  session that was or is in progress, since it times out by the passing of as_of alone.
  `stored` also has the columns user_key, sessions and settled_sessions.
#}
{% macro units_touched(stored) -%}
{%- set unsettled %}(
  select s.session_id
  from {{ ref('exp_conversation_sessions') }} s
  where s.status = 'in_progress'
  union
  select s.session_id
  from {{ ref('exp_conversation_sessions') }} s
  join {{ stored }} o on o.user_key = s.user_key
  where o.sessions > o.settled_sessions
){% endset -%}
select b.unit_type, b.unit_id
from {{ ref('base_exp__events') }} b
where {{ at_or_after('b._known_at', ingested_since(stored)) }}
union
select b.unit_type, b.unit_id
from {{ each_by_index(
  '(' ~ plans_known_since(ingested_since(stored)) ~ ')', ref('base_exp__events'), 'b', 'b.plan_id = l.plan_id'
) }}
union
select a.unit_type, a.unit_id
from {{ ref('stg_exp__assignments') }} a
where {{ at_or_after('a.created_at', ingested_since(stored, 'assignment_ingested_at')) }}
union
select b.unit_type, b.unit_id
from {{ each_by_index(unsettled, ref('base_exp__events'), 'b', 'b.session_id = l.session_id') }}
{%- endmacro %}

{# A fingerprint of the prices that are valid at some time of a span: what was estimated with another is estimated again. #}
{% macro price_list_between(start, end) -%}
(
  select md5(coalesce(jsonb_agg(f.price order by f.price), '[]'::jsonb)::text || ' {{ var("output_token_share", 0.35) }}')
  from (
    select jsonb_build_array(
      m.model_provider, m.model_name, m.input_usd_per_1k, m.output_usd_per_1k, extract(epoch from m.valid_from),
      extract(epoch from m.valid_to)
    ) as price
    from {{ ref('model_pricing') }} m
    where m.valid_from < {{ end }} and (m.valid_to is null or m.valid_to > {{ start }})
  ) f
)
{%- endmacro %}
