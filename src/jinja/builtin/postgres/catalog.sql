{% macro postgres__get_columns_in_relation(relation) -%}
    {%- call statement('get_columns_in_relation', fetch_result=true) -%}
        select
            column_name,
            data_type,
            character_maximum_length,
            numeric_precision,
            numeric_scale
        from {{ relation.information_schema('columns') }}
        where table_name = '{{ relation.identifier }}'
        {% if relation.schema -%}
            and table_schema = '{{ relation.schema }}'
        {%- endif %}
        order by ordinal_position
    {%- endcall -%}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}

{% macro postgres__list_relations_without_caching(schema_relation) %}
    {%- set kinds = [
        ('tablename', 'schemaname', 'table', 'pg_tables'),
        ('viewname', 'schemaname', 'view', 'pg_views'),
        ('matviewname', 'schemaname', 'materialized_view', 'pg_matviews'),
        ('proname', 'ns.nspname', 'function', 'pg_proc join pg_namespace as ns on pronamespace = ns.oid'),
    ] -%}
    {%- call statement('list_relations_without_caching', fetch_result=true) -%}
        {%- for name, schema, type, place in kinds %}
        select {{ 'distinct' if type == 'function' }}
            '{{ schema_relation.database }}' as database,
            {{ name }} as name,
            {{ schema }} as schema,
            '{{ type }}' as type
        from {{ place }}
        where {{ schema }} ilike '{{ schema_relation.schema }}'
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    {%- endcall -%}
    {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}

{% macro postgres__information_schema_name(database) -%}
    {%- if database -%}
        {%- do adapter.verify_database(database) -%}
    {%- endif -%}
    information_schema
{%- endmacro %}

{% macro postgres__list_schemas(database) %}
    {%- if database -%}
        {%- do adapter.verify_database(database) -%}
    {%- endif -%}
    {%- call statement('list_schemas', fetch_result=true, auto_begin=false) -%}
        select distinct nspname from pg_namespace
    {%- endcall -%}
    {{ return(load_result('list_schemas').table) }}
{% endmacro %}

{% macro postgres__check_schema_exists(information_schema, schema) -%}
    {%- if information_schema.database -%}
        {%- do adapter.verify_database(information_schema.database) -%}
    {%- endif -%}
    {%- call statement('check_schema_exists', fetch_result=true, auto_begin=false) -%}
        select count(*) from pg_namespace where nspname = '{{ schema }}'
    {%- endcall -%}
    {{ return(load_result('check_schema_exists').table) }}
{%- endmacro %}

{# A row for each column of the relations; a relation without an identifier stands for its schema. #}
{% macro postgres__get_catalog_relations(information_schema, relations) -%}
    {%- set database = information_schema.database -%}
    {%- do adapter.verify_database(database) -%}
    {%- set wanted = [] -%}
    {%- for relation in relations -%}
        {%- set of_schema = "upper(space.nspname) = upper('" ~ relation.schema ~ "')" -%}
        {%- set of_name = "upper(held.relname) = upper('" ~ relation.identifier ~ "')" -%}
        {%- do wanted.append('(' ~ of_schema ~ ' and ' ~ of_name ~ ')' if relation.identifier else of_schema) -%}
    {%- endfor -%}
    {%- call statement('catalog', fetch_result=true) -%}
        select
            '{{ database }}' as table_database,
            space.nspname as table_schema,
            held.relname as table_name,
            coalesce(
                ('{"v": "VIEW", "m": "MATERIALIZED VIEW"}'::json) ->> held.relkind::text,
                'BASE TABLE'
            ) as table_type,
            obj_description(held.oid, 'pg_class') as table_comment,
            field.attname as column_name,
            field.attnum as column_index,
            format_type(field.atttypid, field.atttypmod) as column_type,
            col_description(held.oid, field.attnum) as column_comment,
            pg_get_userbyid(held.relowner) as table_owner
        from pg_class as held
        join pg_namespace as space on held.relnamespace = space.oid
        join pg_attribute as field on held.oid = field.attrelid and field.attnum > 0 and not field.attisdropped
        where held.relkind = any ('{r,p,f,v,m}')
            and held.relpersistence <> 't'
            and ({{ wanted | join(' or ') }})
        order by table_schema, table_name, column_index
    {%- endcall -%}
    {{ return(load_result('catalog').table) }}
{%- endmacro %}

{% macro postgres__get_catalog(information_schema, schemas) -%}
    {%- set relations = [] -%}
    {%- for schema in schemas -%}
        {%- do relations.append({'schema': schema}) -%}
    {%- endfor -%}
    {{ return(postgres__get_catalog_relations(information_schema, relations)) }}
{%- endmacro %}

{# Which view reads which relation. A view has a row in pg_depend for each column that its rule reads. #}
{% macro postgres__get_relations() -%}
    {%- call statement('relations', fetch_result=true) -%}
        select distinct
            reader_schema.nspname as dependent_schema,
            reader.relname as dependent_name,
            read_schema.nspname as referenced_schema,
            read.relname as referenced_name
        from pg_rewrite rule
        join pg_class reader on reader.oid = rule.ev_class
        join pg_namespace reader_schema on reader_schema.oid = reader.relnamespace
        join pg_depend edge on edge.classid = 'pg_rewrite'::regclass
            and edge.objid = rule.oid
            and edge.refclassid = 'pg_class'::regclass
            and edge.refobjid != reader.oid
        join pg_class read on read.oid = edge.refobjid
        join pg_namespace read_schema on read_schema.oid = read.relnamespace
        where read_schema.nspname != 'information_schema'
            and read_schema.nspname not like 'pg\_%'
        order by 1, 2, 3, 4;
    {%- endcall -%}
    {{ return(load_result('relations').table) }}
{%- endmacro %}

{% macro postgres_get_relations() %}
    {{ return(postgres__get_relations()) }}
{% endmacro %}
