{% macro postgres__get_create_materialized_view_as_sql(relation, sql) %}
    create materialized view if not exists {{ relation }} as {{ sql }};
    {% for index in config.get('indexes', []) -%}
        {{ get_create_index_sql(relation, index) }}{{ ';' if not loop.last }}
    {% endfor %}
{% endmacro %}

{% macro postgres__drop_materialized_view(relation) -%}
    drop materialized view if exists {{ relation }} cascade
{%- endmacro %}

{# Readers go on reading where PostgreSQL can tell the rows apart. #}
{% macro postgres__refresh_materialized_view(relation) %}
    refresh materialized view {{ 'concurrently ' if postgres__refreshes_concurrently(relation) }}{{ relation }}
{% endmacro %}

{# PostgreSQL wants rows, and an index that is unique in columns over all of them. #}
{% macro postgres__refreshes_concurrently(relation) %}
    {%- set question -%}
        select c.relispopulated and exists (
            select from pg_catalog.pg_index i
            where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
                and 0 <> all (i.indkey::int2[])
        )
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = '{{ relation.schema | replace("'", "''") }}' and c.relname = '{{ relation.identifier | replace("'", "''") }}'
            and c.relkind = 'm'
    {%- endset -%}
    {%- set answer = run_query(question) if execute and relation.is_materialized_view -%}
    {{ return(answer and answer.rows | length > 0 and answer.rows[0][0]) }}
{% endmacro %}

{% macro postgres__get_rename_materialized_view_sql(relation, new_name) %}
    alter materialized view {{ relation }} rename to {{ new_name }}
{% endmacro %}

{% macro postgres__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) %}
    {%- if configuration_changes.requires_full_refresh -%}
        {{ return(get_replace_sql(existing_relation, relation, sql)) }}
    {%- endif -%}
    {{ return(postgres__update_indexes_on_materialized_view(relation, configuration_changes.indexes)) }}
{% endmacro %}

{% macro postgres__update_indexes_on_materialized_view(relation, index_changes) -%}
    {%- do log('update indexes: ' ~ relation) -%}
    {%- set statements = [] -%}
    {%- for change in index_changes -%}
        {%- if change.action == 'drop' -%}
            {%- do statements.append(postgres__get_drop_index_sql(relation, change.context.name)) -%}
        {%- elif change.action == 'create' -%}
            {%- do statements.append(postgres__get_create_index_sql(relation, change.context.as_node_config)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ statements | join(';\n') }}
{%- endmacro %}

{# What the database has of it: its indexes. #}
{% macro postgres__describe_materialized_view(relation) %}
    {{ return({'indexes': run_query(get_show_indexes_sql(relation))}) }}
{% endmacro %}

{% macro postgres__get_materialized_view_configuration_changes(existing_relation, new_config) %}
    {%- set there = postgres__describe_materialized_view(existing_relation) -%}
    {{ return(existing_relation.get_materialized_view_config_change_collection(there, new_config.model)) }}
{% endmacro %}
