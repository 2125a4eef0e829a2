{# The tables of a snapshot: the first, the staging table of a later run, and what is written from it. #}

{% macro create_columns(relation, columns) %}
    {{ return(adapter.dispatch('create_columns', 'dbt')(relation, columns)) }}
{% endmacro %}

{% macro default__create_columns(relation, columns) %}
    {%- for column in columns -%}
        {%- call statement() -%}
            alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }};
        {%- endcall -%}
    {%- endfor -%}
{% endmacro %}

{% macro post_snapshot(staging_relation) %}
    {{ return(adapter.dispatch('post_snapshot', 'dbt')(staging_relation)) }}
{% endmacro %}

{% macro default__post_snapshot(staging_relation) %}
    {#- For databases whose staging table has to be dropped. -#}
{% endmacro %}

{% macro get_true_sql() %}
    {{ return(adapter.dispatch('get_true_sql', 'dbt')()) }}
{% endmacro %}

{% macro default__get_true_sql() %}
    {{ return('TRUE') }}
{% endmacro %}

{# The names of the columns that a snapshot adds, where `snapshot_meta_column_names` changes none. #}
{% macro get_snapshot_table_column_names() %}
    {%- set names = {} -%}
    {%- for name in ['dbt_valid_to', 'dbt_valid_from', 'dbt_scd_id', 'dbt_updated_at', 'dbt_is_deleted'] -%}
        {%- do names.update({name: name}) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}

{# The end of a row that is valid now. The typed null makes the column's type that of `updated_at`. #}
{% macro get_dbt_valid_to_current(strategy, columns) %}
    coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }})
    as {{ columns.dbt_valid_to }}
{% endmacro %}

{% macro unique_key_fields(unique_key) %}
    {%- if unique_key is string -%}
        {{ unique_key }} as dbt_unique_key
    {%- else -%}
        {%- for key in unique_key -%}
            {{ key }} as dbt_unique_key_{{ loop.index }}{{ ' , ' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{% macro unique_key_join_on(unique_key, identifier, from_identifier) %}
    {%- if unique_key is string -%}
        {{ identifier }}.dbt_unique_key = {{ from_identifier }}.dbt_unique_key
    {%- else -%}
        {%- for key in unique_key -%}
            {%- set name = '.dbt_unique_key_' ~ loop.index -%}
            {{ equals(identifier ~ name, from_identifier ~ name) }}{{ ' and ' if not loop.last }}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{% macro unique_key_is_null(unique_key, identifier) %}
    {{ identifier }}.dbt_unique_key{{ '' if unique_key is string else '_1' }} is null
{% endmacro %}

{% macro unique_key_is_not_null(unique_key, identifier) %}
    {{ identifier }}.dbt_unique_key{{ '' if unique_key is string else '_1' }} is not null
{% endmacro %}

{% macro build_snapshot_table(strategy, sql) -%}
    {{ return(adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql)) }}
{%- endmacro %}

{% macro default__build_snapshot_table(strategy, sql) %}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() %}
    select *,
        {{ strategy.scd_id }} as {{ columns.dbt_scd_id }},
        {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
        {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
        {{ get_dbt_valid_to_current(strategy, columns) }}
        {{ ", 'False' as " ~ columns.dbt_is_deleted if strategy.hard_deletes == 'new_record' }}
    from (
        {{ sql }}
    ) sbq
{% endmacro %}

{% macro build_snapshot_staging_table(strategy, sql, target_relation) %}
    {%- set staging = make_temp_relation(target_relation) -%}
    {%- set query = snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- call statement('build_snapshot_staging_relation') -%}
        {{ create_table_as(true, staging, query) }}
    {%- endcall -%}
    {{ return(staging) }}
{% endmacro %}

{% macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{ return(adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation)) }}
{%- endmacro %}

{# One row for each change: what to insert, and which recorded rows end. #}
{% macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set key = strategy.unique_key -%}
    {%- set open_end = config.get('dbt_valid_to_current') -%}
    {%- set marks_deletes = strategy.hard_deletes == 'new_record' -%}
    {%- set sees_deletes = marks_deletes or strategy.hard_deletes == 'invalidate' -%}
    {%- set is_deleted = 'snapshotted_data.' ~ columns.dbt_is_deleted -%}
    {%- set match = unique_key_join_on(key, 'snapshotted_data', 'source_data') -%}
    {%- set changed = strategy.row_changed ~ (' or ' ~ is_deleted ~ " = 'True'" if marks_deletes else '') -%}
    {%- set ends_now = 'snapshotted_data.' ~ columns.dbt_valid_to ~ (' = ' ~ open_end if open_end else ' is null') -%}
    {%- set already_marked = '(' ~ is_deleted ~ " = 'True' and " ~ ends_now ~ ')' -%}
    with snapshot_query as (
        {{ source_sql }}
    ),
    snapshotted_data as (
        select *, {{ unique_key_fields(key) }}
        from {{ target_relation }}
        where
            {% if open_end -%}
            ( {{ equals(columns.dbt_valid_to | trim, open_end | trim) }} or {{ columns.dbt_valid_to | trim }} is null )
            {%- else -%}
            {{ columns.dbt_valid_to }} is null
            {%- endif %}
    ),
    insertions_source_data as (
        select *, {{ unique_key_fields(key) }},
            {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
            {{ get_dbt_valid_to_current(strategy, columns) }},
            {{ strategy.scd_id }} as {{ columns.dbt_scd_id }}
        from snapshot_query
    ),
    updates_source_data as (
        select *, {{ unique_key_fields(key) }},
            {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
            {{ strategy.updated_at }} as {{ columns.dbt_valid_to }}
        from snapshot_query
    ),
    {%- if sees_deletes %}
    deletes_source_data as (
        select *, {{ unique_key_fields(key) }}
        from snapshot_query
    ),
    {%- endif %}
    insertions as (
        select
            'insert' as dbt_change_type,
            source_data.*
            {{ ",'False' as " ~ columns.dbt_is_deleted if marks_deletes }}
        from insertions_source_data as source_data
        left outer join snapshotted_data
            on {{ match }}
            where {{ unique_key_is_null(key, 'snapshotted_data') }}
            or ({{ unique_key_is_not_null(key, 'snapshotted_data') }} and (
                {{ changed }}
            )
        )
    ),
    updates as (
        select
            'update' as dbt_change_type,
            source_data.*,
            snapshotted_data.{{ columns.dbt_scd_id }}
            {{ ', ' ~ is_deleted if marks_deletes }}
        from updates_source_data as source_data
        join snapshotted_data
            on {{ match }}
        where (
            {{ changed }}
        )
    )
    {%- if sees_deletes %}
    ,
    deletes as (
        select
            'delete' as dbt_change_type,
            source_data.*,
            {{ snapshot_get_time() }} as {{ columns.dbt_valid_from }},
            {{ snapshot_get_time() }} as {{ columns.dbt_updated_at }},
            {{ snapshot_get_time() }} as {{ columns.dbt_valid_to }},
            snapshotted_data.{{ columns.dbt_scd_id }}
            {{ ', ' ~ is_deleted if marks_deletes }}
        from snapshotted_data
        left join deletes_source_data as source_data
            on {{ match }}
            where {{ unique_key_is_null(key, 'source_data') }}
            {{ 'and not ' ~ already_marked if marks_deletes }}
    )
    {%- endif %}
    {%- if marks_deletes %}
    {%- set recorded = get_list_of_column_names(get_columns_in_relation(target_relation)) %}
    ,
    deletion_records as (
        select
            'insert' as dbt_change_type,
            {% for name in get_columns_in_query(source_sql) -%}
            {{ 'snapshotted_data' if name in recorded else 'source_data' }}.{{ adapter.quote(name) }},
            {% endfor -%}
            {%- if key is string -%}
            snapshotted_data.dbt_unique_key as dbt_unique_key,
            {%- else -%}
            {%- for part in key -%}
            snapshotted_data.{{ part }} as dbt_unique_key_{{ loop.index }},
            {% endfor -%}
            {%- endif %}
            {{ snapshot_get_time() }} as {{ columns.dbt_valid_from }},
            {{ snapshot_get_time() }} as {{ columns.dbt_updated_at }},
            snapshotted_data.{{ columns.dbt_valid_to }} as {{ columns.dbt_valid_to }},
            {{ snapshot_hash_arguments([columns.dbt_scd_id, snapshot_get_time()]) }} as {{ columns.dbt_scd_id }},
            'True' as {{ columns.dbt_is_deleted }}
        from snapshotted_data
        left join deletes_source_data as source_data
            on {{ match }}
        where {{ unique_key_is_null(key, 'source_data') }}
        and not {{ already_marked }}
    )
    {%- endif %}
    select * from insertions
    union all
    select * from updates
    {%- if sees_deletes %}
    union all
    select * from deletes
    {%- endif %}
    {%- if marks_deletes %}
    union all
    select * from deletion_records
    {%- endif %}
{%- endmacro %}

{% macro snapshot_merge_sql(target, source, insert_cols) -%}
    {{ return(adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols)) }}
{%- endmacro %}

{% macro default__snapshot_merge_sql(target, source, insert_cols) -%}
    {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set names = insert_cols | join(', ') -%}
    {%- set ends = 'DBT_INTERNAL_DEST.' ~ columns.dbt_valid_to -%}
    {%- set open_end = config.get('dbt_valid_to_current') -%}
    merge into {{ target.render() }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }}
    when matched
        and {{ '(' ~ equals(ends, open_end | trim) ~ ' or ' ~ ends ~ ' is null)' if open_end else ends ~ ' is null' }}
        and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
        then update
        set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
    when not matched
        and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
        then insert ({{ names }})
        values ({{ names }})
{%- endmacro %}

{# Warns where the snapshot's own times are of another type than the clock's. #}
{% macro check_time_data_types(sql) %}
    {%- set of_column = get_updated_at_column_data_type(sql) -%}
    {%- set of_clock = get_snapshot_get_time_data_type() -%}
    {%- if of_column is not none and of_clock is not none and of_column != of_clock -%}
        {%- do exceptions.warn_snapshot_timestamp_data_types(of_clock, of_column) -%}
    {%- endif -%}
{% endmacro %}

{% macro get_updated_at_column_data_type(snapshot_sql) %}
    {%- set found = [] -%}
    {%- for column in get_column_schema_from_query(snapshot_sql) if column.column in ('dbt_updated_at', 'DBT_UPDATED_AT') -%}
        {%- do found.append(column.dtype) -%}
    {%- endfor -%}
    {{ return(found[-1] if found else none) }}
{% endmacro %}

{% macro get_snapshot_get_time_data_type() %}
    {%- set clock = get_column_schema_from_query('select ' ~ snapshot_get_time() ~ ' as dbt_snapshot_time') -%}
    {{ return(clock[0].dtype or none) }}
{% endmacro %}

{% materialization snapshot, default %}
    {%- set exists, target = get_or_create_relation(
        database=model.database,
        schema=model.schema,
        identifier=model.get('alias', model.get('name')),
        type='table'
    ) -%}
    {%- set grants = config.get('grants') -%}
    {%- if not target.is_table -%}
        {%- do exceptions.relation_wrong_type(target, 'table') -%}
    {%- endif -%}

    {%- do run_hooks(pre_hooks, inside_transaction=false) -%}
    {%- do run_hooks(pre_hooks, inside_transaction=true) -%}

    {%- set judge = strategy_dispatch(config.get('strategy')) -%}
    {%- set strategy = judge(model, 'snapshotted_data', 'source_data', model['config'], exists) -%}
    {%- if exists -%}
        {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
        {%- do adapter.assert_valid_snapshot_target_given_strategy(target, columns, strategy) -%}
        {%- set query = snapshot_staging_table(strategy, sql, target) -%}
        {%- set staging = build_snapshot_staging_table(strategy, sql, target) -%}
        {%- do adapter.expand_target_column_types(from_relation=staging, to_relation=target) -%}

        {%- set own = ['dbt_change_type', 'dbt_unique_key'] -%}
        {%- if strategy.unique_key is not string -%}
            {%- for key in strategy.unique_key -%}
                {%- do own.append('dbt_unique_key_' ~ loop.index) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- set own = own + own | map('upper') | list -%}
        {%- do create_columns(target, adapter.get_missing_columns(staging, target) | rejectattr('name', 'in', own) | list) -%}
        {%- set names = [] -%}
        {%- for column in adapter.get_columns_in_relation(staging) | rejectattr('name', 'in', own) -%}
            {%- do names.append(adapter.quote(column.name)) -%}
        {%- endfor -%}
        {%- set build = snapshot_merge_sql(target=target, source=staging, insert_cols=names) -%}
    {%- else -%}
        {%- set query = build_snapshot_table(strategy, model['compiled_code']) -%}
        {%- set build = create_table_as(false, target, query) -%}
    {%- endif -%}

    {%- do check_time_data_types(query) -%}
    {%- call statement('main') -%}
        {{ build }}
    {%- endcall -%}

    {%- do apply_grants(target, grants, should_revoke=should_revoke(exists, full_refresh_mode=false)) -%}
    {%- do persist_docs(target, model) -%}
    {%- if not exists -%}
        {%- do create_indexes(target) -%}
    {%- endif -%}
    {%- do run_hooks(post_hooks, inside_transaction=true) -%}
    {%- do adapter.commit() -%}
    {%- if exists -%}
        {%- do post_snapshot(staging) -%}
    {%- endif -%}
    {%- do run_hooks(post_hooks, inside_transaction=false) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
