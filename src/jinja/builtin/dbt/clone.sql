{# Clones: relations that show what those of another state hold. #}

{% macro can_clone_table() %}
    {{ return(adapter.dispatch('can_clone_table', 'dbt')()) }}
{% endmacro %}

{% macro default__can_clone_table() %}
    {{ return(false) }}
{% endmacro %}

{% macro create_or_replace_clone(this_relation, defer_relation) %}
    {{ return(adapter.dispatch('create_or_replace_clone', 'dbt')(this_relation, defer_relation)) }}
{% endmacro %}

{% macro default__create_or_replace_clone(this_relation, defer_relation) %}
    create or replace table {{ this_relation.render() }} clone {{ defer_relation.render() }}
{% endmacro %}

{% materialization clone, default %}
    {%- if not defer_relation -%}
        {%- do log('the other state has no relation for ' ~ model.unique_id, info=true) -%}
        {{ return({'relations': []}) }}
    {%- endif -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing and not flags.FULL_REFRESH -%}
        {%- do log(existing ~ ' is there already', info=true) -%}
        {{ return({'relations': []}) }}
    {%- endif -%}

    {%- set other = load_cached_relation(defer_relation) -%}
    {%- if not (other and other.type == 'table' and can_clone_table()) -%}
        {#- A view of the other relation, made as any view is. -#}
        {%- set of_adapter = 'materialization_view_' ~ adapter.type() -%}
        {%- set as_view = context[of_adapter if of_adapter in context else 'materialization_view_default'] -%}
        {{ return(as_view()) }}
    {%- endif -%}

    {%- set target = this.incorporate(type='table') -%}
    {%- if existing is not none and not existing.is_table -%}
        {%- do drop_relation_if_exists(existing) -%}
    {%- endif -%}
    {%- if target.render() == defer_relation.render() -%}
        {%- do log(target.render() ~ ' would be a clone of itself') -%}
    {%- else -%}
        {%- call statement('main') -%}
            {{ create_or_replace_clone(target, defer_relation) }}
        {%- endcall -%}
    {%- endif -%}
    {%- do apply_grants(target, config.get('grants'), should_revoke=should_revoke(existing, full_refresh_mode=true)) -%}
    {%- do persist_docs(target, model) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
