{% materialization counted, default %}
  {%- set target_relation = api.Relation.create(identifier=this.identifier, schema=this.schema, database=this.database, type='table') -%}
  {%- set existing = load_cached_relation(this) -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- if existing is none or should_full_refresh() -%}
    {%- if existing is not none -%}{{ adapter.drop_relation(existing) }}{%- endif -%}
    {% call statement('main') -%}
      create table {{ target_relation }} as select *, 1 as load from ({{ sql }}) as inner_query
    {%- endcall %}
  {%- else -%}
    {% set found = run_query('select coalesce(max(load), 0) as n from ' ~ target_relation) %}
    {% call statement('main', fetch_result=False) -%}
      insert into {{ target_relation }} select *, {{ found.columns[0].values()[0] + 1 }} from ({{ compiled_code }}) as inner_query
    {%- endcall %}
  {%- endif -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization sequence, adapter='postgres' %}
  {% set name = this.include(database=false) %}
  {% call statement('main') %} create sequence if not exists {{ name }} start {{ config.get('start', 1) }}; {{ sql }} {% endcall %}
  {% do adapter.commit() %}
  {{ return({'relations': []}) }}
{% endmaterialization %}
