{# Descriptions as comments in the database. #}

{% macro alter_column_comment(relation, column_dict) -%}
    {{ return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) }}
{%- endmacro %}

{% macro default__alter_column_comment(relation, column_dict) -%}
    {%- do exceptions.raise_not_implemented('alter_column_comment has no implementation for ' ~ adapter.type()) -%}
{%- endmacro %}

{% macro alter_relation_comment(relation, relation_comment) -%}
    {{ return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) }}
{%- endmacro %}

{% macro default__alter_relation_comment(relation, relation_comment) -%}
    {%- do exceptions.raise_not_implemented('alter_relation_comment has no implementation for ' ~ adapter.type()) -%}
{%- endmacro %}

{% macro persist_docs(relation, model, for_relation=true, for_columns=true) -%}
    {{ return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) }}
{%- endmacro %}

{% macro default__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do run_query(alter_relation_comment(relation, model.description)) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() and model.columns -%}
        {%- set there = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        {%- set comments = alter_column_comment(relation, validate_doc_columns(relation, model.columns, there)) -%}
        {%- if comments and comments | trim -%}
            {%- do run_query(comments) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# The documented columns that exist; a warning names the others. #}
{% macro validate_doc_columns(relation, column_dict, existing_column_names) %}
    {%- set lowered = existing_column_names | map('lower') | list -%}
    {%- set known = {} -%}
    {%- set unknown = [] -%}
    {%- for name, column in column_dict.items() -%}
        {%- set found = name in existing_column_names if column['quote'] else name | lower in lowered -%}
        {%- if found -%}
            {%- do known.update({name: column}) -%}
        {%- else -%}
            {%- do unknown.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if unknown -%}
        {%- do exceptions.warn(relation.render() ~ ' has no such columns, though they are described: ' ~ unknown | join(', ')) -%}
    {%- endif -%}
    {{ return(known) }}
{% endmacro %}
