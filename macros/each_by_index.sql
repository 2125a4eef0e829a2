{#
  What `from` reads: the rows of a relation for each row `l` of a list, looked up in an index one after the other. An array of many
  would be compared with every row of the pages whose rows a bitmap has forgotten.
#}
{% macro each_by_index(list, relation, alias, condition) -%}
{{ list }} l
cross join lateral (select {{ alias }}.* from {{ relation }} {{ alias }} where {{ condition }} offset 0) {{ alias }}
{%- endmacro %}
