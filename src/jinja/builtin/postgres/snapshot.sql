{% macro postgres__snapshot_merge_sql(target, source, insert_cols) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set ends = target ~ '.' ~ columns.dbt_valid_to -%}
    {%- set open_end = config.get('dbt_valid_to_current') -%}
    {%- set values = [] -%}
    {%- for name in insert_cols -%}
        {%- do values.append('DBT_INTERNAL_SOURCE.' ~ name) -%}
    {%- endfor -%}
    update {{ target }}
    set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
    from {{ source }} as DBT_INTERNAL_SOURCE
    where DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }}::text = {{ target }}.{{ columns.dbt_scd_id }}::text
        and DBT_INTERNAL_SOURCE.dbt_change_type::text in ('update'::text, 'delete'::text)
        and {{ '(' ~ ends ~ ' = ' ~ open_end ~ ' or ' ~ ends ~ ' is null)' if open_end else ends ~ ' is null' }};
    insert into {{ target }} ({{ insert_cols | join(', ') }})
    select {{ values | join(', ') }}
    from {{ source }} as DBT_INTERNAL_SOURCE
    where DBT_INTERNAL_SOURCE.dbt_change_type::text = 'insert'::text;
{%- endmacro %}
