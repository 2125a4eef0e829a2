{% macro postgres__get_incremental_default_sql(arg_dict) %}
    {{ return(get_incremental_delete_insert_sql(arg_dict) if arg_dict['unique_key'] else get_incremental_append_sql(arg_dict)) }}
{% endmacro %}

{% macro postgres__get_incremental_microbatch_sql(arg_dict) %}
    {%- if not arg_dict['unique_key'] -%}
        {%- do exceptions.raise_compiler_error('the strategy microbatch wants a `unique_key` on PostgreSQL') -%}
    {%- endif -%}
    {{ return(adapter.dispatch('get_incremental_merge_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
