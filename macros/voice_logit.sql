{#
  What the regression of abandonment looks at, in the order of the columns v_1, v_2, ... `late` is known at the end of a call only; a
  `number` has many values, others have few.
  Of a list (language, hour_band) the commonest value is the base; up to three others are compared with it.
#}
{% macro voice_logit_terms() -%}
{{ return([
  {'feature': 'first3_asr_confidence', 'value': 'f.first3_asr_confidence', 'number': true},
  {'feature': 'first3_intent_confidence', 'value': 'f.first3_intent_confidence', 'number': true},
  {'feature': 'first3_error_share', 'value': 'f.first3_error_share', 'number': true},
  {'feature': 'is_rural', 'value': 'f.is_rural::int'},
  {'feature': 'is_first_time_user', 'value': 'f.is_first_time_user::int'},
  {'feature': 'language', 'level': 1},
  {'feature': 'language', 'level': 2},
  {'feature': 'language', 'level': 3},
  {'feature': 'hour_band', 'level': 1},
  {'feature': 'hour_band', 'level': 2},
  {'feature': 'hour_band', 'level': 3},
  {'feature': 'late_total_turns', 'value': 'f.late_total_turns', 'number': true, 'late': true},
  {'feature': 'late_total_duration_seconds', 'value': 'f.late_total_duration_seconds', 'number': true, 'late': true},
  {'feature': 'late_is_escalated', 'value': 'f.late_is_escalated::int', 'late': true},
  {'feature': 'late_is_recovered', 'value': "(f.late_is_recovered = 'yes')::int", 'late': true},
]) }}
{%- endmacro %}

{#
  The inverse of a symmetric matrix of `size` rows, kept row by row in an array, by sweeping one diagonal element after the other.
  What is a combination of those before it has zeros in its row and column: it is left out.
#}
{% macro symmetric_inverse(matrix, size) -%}
(
  with recursive sweeps as (
    select 0 as done, m.a as original, m.a from (select {{ matrix }} as a) m
    union all
    select
      s.done + 1,
      s.original,
      (
        select array_agg(
          case
            when coalesce(d.pivot, 0) <= 1e-9 * d.original then
              case when e.i = d.k or e.j = d.k then 0 else s.a[e.n] end
            when e.i = d.k and e.j = d.k then 1 / d.pivot
            when e.i = d.k then s.a[e.n] / d.pivot
            when e.j = d.k then -s.a[e.n] / d.pivot
            else s.a[e.n] - s.a[(e.i - 1) * {{ size }} + d.k] * s.a[(d.k - 1) * {{ size }} + e.j] / d.pivot
          end order by e.n
        )
        from (
          select n, (n - 1) / {{ size }} + 1 as i, (n - 1) % {{ size }} + 1 as j
          from generate_series(1, {{ size * size }}) as n
        ) e
      )
    from sweeps s
    cross join lateral (
      select s.done + 1 as k, s.a[s.done * {{ size + 1 }} + 1] as pivot, s.original[s.done * {{ size + 1 }} + 1] as original
    ) d
    where s.done < {{ size }}
  )
  select w.a from sweeps w where w.done = {{ size }}
)
{%- endmacro %}

{# e to a power, of powers over which PostgreSQL does not fail. #}
{% macro bounded_exp(power) -%}
case when ({{ power }}) is not null then exp(greatest(-690, least(690, {{ power }}))) end
{%- endmacro %}
