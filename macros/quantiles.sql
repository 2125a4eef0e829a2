{#
  The five numbers of a box plot and the bounds beyond which a value is an outlier (1.5 interquartile ranges), as columns of
  an aggregate over `value`, a double precision expression; a null is no observation.
#}
{% macro box_plot(value, data_type) -%}
count({{ value }}) as observations,
  min({{ value }})::{{ data_type }} as least,
  (percentile_cont(0.25) within group (order by {{ value }}))::{{ data_type }} as p25,
  (percentile_cont(0.5) within group (order by {{ value }}))::{{ data_type }} as p50,
  (percentile_cont(0.75) within group (order by {{ value }}))::{{ data_type }} as p75,
  max({{ value }})::{{ data_type }} as greatest,
  greatest(min({{ value }}), 2.5 * percentile_cont(0.25) within group (order by {{ value }})
    - 1.5 * percentile_cont(0.75) within group (order by {{ value }}))::{{ data_type }} as outliers_below,
  least(max({{ value }}), 2.5 * percentile_cont(0.75) within group (order by {{ value }})
    - 1.5 * percentile_cont(0.25) within group (order by {{ value }}))::{{ data_type }} as outliers_above
{%- endmacro %}
