{# Names on PostgreSQL: an identifier is cut so that it fits with its suffix. #}

{% macro postgres__make_relation_with_suffix(base_relation, suffix, dstring) %}
    {%- set whole = suffix ~ (modules.datetime.datetime.now().strftime('%H%M%S%f') if dstring else '') -%}
    {%- set longest = base_relation.relation_max_name_length() -%}
    {%- set room = longest - whole | length -%}
    {%- if room < 0 -%}
        {%- do exceptions.raise_compiler_error('the suffix `' ~ whole ~ '` is longer than a name may be, which is ' ~ longest ~ ' characters') -%}
    {%- endif -%}
    {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier[:room] ~ whole})) }}
{% endmacro %}

{% macro postgres__make_intermediate_relation(base_relation, suffix) %}
    {{ return(postgres__make_relation_with_suffix(base_relation, suffix, dstring=false)) }}
{% endmacro %}

{# Temporary tables have a schema of their own, which is not named. #}
{% macro postgres__make_temp_relation(base_relation, suffix) %}
    {%- set named = postgres__make_relation_with_suffix(base_relation, suffix, dstring=true) -%}
    {{ return(named.incorporate(path={'schema': none, 'database': none})) }}
{% endmacro %}

{% macro postgres__make_backup_relation(base_relation, backup_relation_type, suffix) %}
    {%- set named = postgres__make_relation_with_suffix(base_relation, suffix, dstring=false) -%}
    {{ return(named.incorporate(type=backup_relation_type)) }}
{% endmacro %}

{% macro postgres__create_schema(relation) -%}
    {%- if relation.database -%}
        {%- do adapter.verify_database(relation.database) -%}
    {%- endif -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation.without_identifier().include(database=false) }}
    {%- endcall -%}
{%- endmacro %}

{% macro postgres__drop_schema(relation) -%}
    {%- if relation.database -%}
        {%- do adapter.verify_database(relation.database) -%}
    {%- endif -%}
    {%- call statement('drop_schema') -%}
        drop schema if exists {{ relation.without_identifier().include(database=false) }} cascade
    {%- endcall -%}
{%- endmacro %}

{% macro postgres__copy_grants() %}
    {{ return(false) }}
{% endmacro %}

{% macro postgres__get_show_grant_sql(relation) -%}
    select grantee, privilege_type
    from {{ relation.information_schema('role_table_grants') }}
    where grantor = current_role
        and grantee != current_role
        and table_schema = '{{ relation.schema }}'
        and table_name = '{{ relation.identifier }}'
{%- endmacro %}

{% macro postgres_escape_comment(comment) -%}
    {%- set fence = '$dbt_comment_literal_block$' -%}
    {%- if comment is not string -%}
        {%- do exceptions.raise_compiler_error('a comment is a string, not ' ~ comment) -%}
    {%- elif fence in comment -%}
        {%- do exceptions.raise_compiler_error('a comment cannot contain ' ~ fence) -%}
    {%- endif -%}
    {{ fence }}{{ comment }}{{ fence }}
{%- endmacro %}

{% macro postgres__alter_relation_comment(relation, comment) %}
    comment on {{ relation.type | replace('_', ' ') }} {{ relation }} is {{ postgres_escape_comment(comment) }};
{% endmacro %}

{% macro postgres__alter_column_comment(relation, column_dict) %}
    {%- set there = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- for name, column in column_dict.items() if name in there %}
    comment on column {{ relation }}.{{ adapter.quote(name) if column['quote'] else name }} is {{ postgres_escape_comment(column['description']) }};
    {%- endfor %}
{% endmacro %}
