-- Everything a project left in a database, as one JSON object. Names that PostgreSQL or the clock chose (of indexes and
-- constraints) are left out; times and dates within a day of now are written as `<now>`.
create function pg_temp.rows_of(relation regclass) returns jsonb language plpgsql as $$
declare
    cells text;
    found jsonb;
begin
    select string_agg(
        case when atttypid in ('timestamp'::regtype, 'timestamptz'::regtype)
             then format('case when %1$I > now() - interval ''26 hours'' and %1$I < now() + interval ''26 hours'' then ''<now>'' else %1$I::text end', attname)
             when atttypid = 'date'::regtype
             then format('case when %1$I between current_date - 1 and current_date + 1 then ''<now>'' else %1$I::text end', attname)
             else format('%I::text', attname) end, ', ' order by attnum)
    into cells
    from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped;
    if cells is null then
        return '[]';
    end if;
    execute format('select coalesce(jsonb_agg(jsonb_build_array(%s)), ''[]'') from %s', cells, relation) into found;
    return found;
exception when others then
    return jsonb_build_array(jsonb_build_array('<' || sqlerrm || '>'));
end $$;

with
spaces as (
    select oid, nspname from pg_namespace
    where nspname not like 'pg\_%' and nspname not in ('information_schema', 'public') or nspname = 'public' and exists (
        select from pg_class where relnamespace = pg_namespace.oid)
),
relations as (
    select
        nspname || '.' || relname as name,
        jsonb_strip_nulls(jsonb_build_object(
            'kind', case relkind when 'r' then 'table' when 'v' then 'view' when 'm' then 'materialized view' else relkind::text end
                || case relpersistence when 'u' then ' unlogged' else '' end,
            'columns', (
                select jsonb_agg(jsonb_build_array(attname, format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end) order by attnum)
                from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped),
            'comment', obj_description(c.oid, 'pg_class'),
            'column comments', (
                select jsonb_object_agg(attname, col_description(c.oid, attnum))
                from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and col_description(c.oid, attnum) is not null),
            'indexes', (
                select jsonb_agg(definition order by definition) from (
                    select case when indisunique then 'unique ' else '' end || regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '') as definition
                    from pg_index where indrelid = c.oid) indexes),
            'constraints', (
                select jsonb_agg(pg_get_constraintdef(oid) order by pg_get_constraintdef(oid))
                from pg_constraint where conrelid = c.oid and contype <> 'n'),
            'grants', (
                select jsonb_agg(who || ': ' || what order by who, what) from (
                    select coalesce(pg_get_userbyid(nullif(grantee, 0)), 'public') as who, lower(privilege_type) as what
                    from aclexplode(relacl) where grantee <> relowner) grants),
            'rows', pg_temp.rows_of(c.oid::regclass)
        )) as picture
    from pg_class c join spaces on spaces.oid = relnamespace
    where relkind in ('r', 'v', 'm', 'p', 'f')
),
functions as (
    select nspname || '.' || proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
        jsonb_build_object('returns', pg_get_function_result(p.oid), 'volatility', provolatile::text, 'body', 
            btrim(replace(prosrc, current_database(), '<database>'))) as picture
    from pg_proc p join spaces on spaces.oid = pronamespace
)
select jsonb_build_object(
    'schemas', (select jsonb_agg(nspname order by nspname) from spaces),
    'relations', coalesce((select jsonb_object_agg(name, picture) from relations), '{}'),
    'functions', coalesce((select jsonb_object_agg(name, picture) from functions), '{}')
)
