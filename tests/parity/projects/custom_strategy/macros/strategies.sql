{% macro get_incremental_insert_only_sql(arg_dict) %}
  insert into {{ arg_dict['target_relation'] }} ({{ get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) }})
  select {{ get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) }} from {{ arg_dict['temp_relation'] }} as fresh
  where not exists (select from {{ arg_dict['target_relation'] }} as old where old.{{ arg_dict['unique_key'] }} = fresh.{{ arg_dict['unique_key'] }})
{% endmacro %}

{% macro get_incremental_everything_sql(arg_dict) %}
  delete from {{ arg_dict.target_relation }};
  {{ get_insert_into_sql(arg_dict.target_relation, arg_dict.temp_relation, arg_dict.dest_columns) }}
{% endmacro %}
