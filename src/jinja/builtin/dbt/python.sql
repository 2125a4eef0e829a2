{# Models in Python, which PostgreSQL cannot run: these macros are there for the packages that call them by name. #}

{% macro resolve_model_name(input_model_name) %}
    {{ return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) }}
{% endmacro %}

{% macro default__resolve_model_name(input_model_name) -%}
    {{ input_model_name | string }}
{%- endmacro %}

{% macro build_ref_function(model) %}
    {%- do exceptions.raise_not_implemented('build_ref_function: Python models cannot run on ' ~ adapter.type()) -%}
{% endmacro %}

{% macro build_source_function(model) %}
    {%- do exceptions.raise_not_implemented('build_source_function: Python models cannot run on ' ~ adapter.type()) -%}
{% endmacro %}

{% macro build_config_dict(model) %}
    {%- do exceptions.raise_not_implemented('build_config_dict: Python models cannot run on ' ~ adapter.type()) -%}
{% endmacro %}

{% macro py_script_postfix(model) %}
    {%- do exceptions.raise_not_implemented('py_script_postfix: Python models cannot run on ' ~ adapter.type()) -%}
{% endmacro %}

{% macro py_script_comment() %}
{% endmacro %}
