{% macro postgres__get_create_index_sql(relation, index_dict) -%}
    {%- set index = adapter.parse_index(index_dict) -%}
    create {{ 'unique ' if index.unique }}index if not exists
    "{{ index.render(relation) }}"
    on {{ relation }} {{ 'using ' ~ index.type if index.type }}
    ({{ index.columns | join(', ') }})
{%- endmacro %}

{% macro postgres__get_drop_index_sql(relation, index_name) -%}
    drop index if exists "{{ relation.schema }}"."{{ index_name }}"
{%- endmacro %}

{% macro postgres__get_show_indexes_sql(relation) %}
    select
        named.relname as name,
        method.amname as method,
        i.indisunique as "unique",
        array_to_string(array_agg(a.attname), ',') as column_names
    from pg_index i
    join pg_class named on named.oid = i.indexrelid
    join pg_am method on method.oid = named.relam
    join pg_class t on t.oid = i.indrelid
    join pg_namespace n on n.oid = t.relnamespace
    join pg_attribute a on a.attrelid = t.oid and a.attnum = any(i.indkey)
    where t.relname = '{{ relation.identifier }}'
      and n.nspname = '{{ relation.schema }}'
      and t.relkind in ('r', 'm')
    group by 1, 2, 3
    order by 1, 2, 3
{% endmacro %}
