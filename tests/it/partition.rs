//! Tables that are divided into partitions, as PostgreSQL's catalogue has them.

use super::support::Project;

/// Method and column of a table, and its partitions with their bounds.
fn layout(project: &Project, table: &str) -> String {
    project.psql(&format!(
        "select pg_get_partkeydef('{table}'::regclass);
         select c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = '{table}'::regclass order by 1"
    ))
}

/// What is left in the schemas that belongs to no model.
fn tables(project: &Project) -> String {
    project.psql(
        "select string_agg(c.relname, ' ' order by c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'dev' and c.relkind in ('r', 'p')",
    )
}

fn model(config: &str, query: &str) -> String {
    format!("{{{{ config({config}) }}}}\n{query}\n")
}

const EVENTS: &str = "create table public.events (id int, at timestamp, region text);
    insert into public.events values (1, '2024-12-31 23:59:59.9', 'eu'), (2, '2025-01-01', 'US'), (3, '2025-02-28 12:00', null),
    (4, null, 'eu'), (5, 'infinity', 'it''s')";

#[test]
fn each_way_of_dividing() {
    let project = Project::new().write("project.yml", "name: it\nprofile: it\n");
    for (name, by, query) in [
        (
            "hours",
            "{'field': 'at', 'data_type': 'timestamp', 'granularity': 'hour'}",
            "select id, at from public.events where id < 3",
        ),
        ("days", "{'field': 'AT'}", "select id, at::date from public.events"),
        (
            "months",
            "{'field': 'at', 'granularity': 'month'}",
            "select id, at at time zone 'America/New_York' as at from public.events",
        ),
        (
            "years",
            "{'field': '\"At\"', 'data_type': 'datetime', 'granularity': 'year'}",
            "select id, at as \"At\" from public.events",
        ),
        (
            "numbers",
            "{'field': 'id', 'data_type': 'int', 'range': {'start': -2, 'end': 5, 'interval': 3}}",
            "select id - 2 as id from public.events union all select -7 union all select 2147483647",
        ),
        (
            "regions",
            "{'field': 'region', 'type': 'list'}",
            "select id, region from public.events",
        ),
        (
            "hashed",
            "{'field': 'id', 'type': 'hash', 'modulus': 3}",
            "select * from public.events",
        ),
    ] {
        project.put(
            &format!("models/{name}.sql"),
            &model(&format!("materialized='table', partition_by={by}"), query),
        );
    }
    project.psql(EVENTS);
    project.ok(&["run"]);
    assert_eq!(
        layout(&project, "dev.hours"),
        "RANGE (at)\nhours__p2024123123 FOR VALUES FROM ('2024-12-31 23:00:00') TO ('2025-01-01 00:00:00')\n\
         hours__p2025010100 FOR VALUES FROM ('2025-01-01 00:00:00') TO ('2025-01-01 01:00:00')"
    );
    assert_eq!(
        layout(&project, "dev.days"),
        "RANGE (at)\ndays__p20241231 FOR VALUES FROM ('2024-12-31') TO ('2025-01-01')\n\
         days__p20250101 FOR VALUES FROM ('2025-01-01') TO ('2025-01-02')\n\
         days__p20250228 FOR VALUES FROM ('2025-02-28') TO ('2025-03-01')\ndays__pdefault DEFAULT"
    );
    // Half past six in the evening of New York is New Year in UTC.
    assert_eq!(
        project.psql("select count(*) from dev.months__p202501; select count(*) from dev.months__pdefault"),
        "2\n2"
    );
    assert!(layout(&project, "dev.years").starts_with("RANGE (\"At\")\nyears__p2024 "));
    assert_eq!(
        layout(&project, "dev.numbers"),
        "RANGE (id)\nnumbers__p1 FOR VALUES FROM (1) TO (4)\nnumbers__pdefault DEFAULT\nnumbers__pm2 FOR VALUES FROM ('-2') TO (1)"
    );
    assert_eq!(
        project.psql("select string_agg(id::text, ' ' order by id) from dev.numbers__pdefault"),
        "-7 2147483647"
    );
    let regions = layout(&project, "dev.regions");
    assert!(
        regions
            .starts_with("LIST (region)\nregions__p_eu FOR VALUES IN ('eu')\nregions__pdefault DEFAULT\nregions__px"),
        "{regions}"
    );
    assert!(
        regions.contains("IN ('it''s')") && regions.contains("IN ('US')"),
        "{regions}"
    );
    assert!(layout(&project, "dev.hashed").contains("hashed__p2 FOR VALUES WITH (modulus 3, remainder 2)"));
    let before = (tables(&project), layout(&project, "dev.days"));
    project.ok(&["run"]);
    assert_eq!(
        (tables(&project), layout(&project, "dev.days")),
        before,
        "a table that is built again"
    );
    // What was divided is an ordinary table again, and nothing is left of the partitions.
    project.put("models/days.sql", "{{ config(materialized='view') }} select 1 as id");
    project.put("models/hashed.sql", "{{ config(materialized='table') }} select 1 as id");
    project.ok(&["run"]);
    let left = tables(&project);
    assert!(
        !left.contains("days") && !left.contains("hashed__p") && !left.contains("assay"),
        "{left}"
    );
}

/// The models of [`deltas_equal_a_full_refresh`]: name, strategy, partitions, and what is wanted of a batch.
const INCREMENTAL: [(&str, &str, &str); 6] = [
    ("by_day", "merge", "{'field': 'at', 'granularity': 'day'}"),
    (
        "by_month",
        "delete+insert",
        "{'field': 'zoned', 'granularity': 'month'}",
    ),
    (
        "by_number",
        "merge",
        "{'field': 'n', 'range': {'start': 0, 'end': 80, 'interval': 7}}",
    ),
    ("by_region", "delete+insert", "{'field': 'region', 'type': 'list'}"),
    ("by_hash", "merge", "{'field': 'id', 'type': 'hash', 'modulus': 4}"),
    (
        "appended",
        "append",
        "{'field': 'day', 'data_type': 'date', 'granularity': 'year'}",
    ),
];

#[test]
fn deltas_equal_a_full_refresh() {
    let project = Project::new().write("project.yml", "name: it\nprofile: it\n");
    for (name, strategy, by) in INCREMENTAL {
        let latest = if strategy == "append" { "" } else { "distinct on (id)" };
        let key = if strategy == "append" { "" } else { ", unique_key='id'" };
        project.put(
            &format!("models/{name}.sql"),
            &model(
                &format!(
                    "materialized='incremental', incremental_strategy='{strategy}'{key}, partition_by={by}, \
                     indexes=[{{'columns': ['id']}}]"
                ),
                &format!(
                    "select {latest} id, batch, at, at at time zone 'Asia/Tokyo' as zoned, at::date as day, n, region\n\
                     from public.events where batch <= (select max(now) from public.clock)\n\
                     {{% if is_incremental() %}} and batch > (select max(batch) from {{{{ this }}}}) {{% endif %}}\n\
                     order by id, batch desc"
                ),
            ),
        );
    }
    project.psql(
        "create table public.clock (now int); insert into public.clock values (1);
         select setseed(0.25);
         create table public.events as
         select distinct on (batch, id) batch, id, case when random() < 0.9 then timestamp '2023-11-15' + random() * interval '500 days' end as at,
           case when random() < 0.9 then (random() * 120)::int - 20 end as n,
           case when random() < 0.8 then (array['eu', 'US', 'asia pacific', 'é'])[1 + floor(random() * batch)::int] end as region
         from (select batch, (random() * 40)::int as id from generate_series(1, 4) batch, generate_series(1, 25)) drawn",
    );
    let rows = |name: &str| project.psql(&format!("select r.*::text from dev.{name} r order by 1"));
    project.ok(&["run"]);
    for batch in 2..=4 {
        project.psql(&format!("update public.clock set now = {batch}"));
        project.ok(&["run"]);
    }
    project.ok(&["run"]);
    let grown: Vec<(String, String)> = INCREMENTAL
        .iter()
        .map(|(name, ..)| (rows(name), layout(&project, &format!("dev.{name}"))))
        .collect();
    let indexed = "select count(distinct i.indrelid) = count(distinct p.inhrelid) from pg_inherits p left join pg_index i on i.indrelid = \
                   p.inhrelid where p.inhparent = 'dev.by_day'::regclass";
    assert_eq!(project.psql(indexed), "t", "each partition has the index");
    project.ok(&["run", "--full-refresh"]);
    for ((name, ..), (grown_rows, grown_layout)) in INCREMENTAL.iter().zip(grown) {
        assert_eq!(rows(name), grown_rows, "{name}");
        // A full refresh makes the partitions that have rows now; the grown table may have more.
        let fresh = layout(&project, &format!("dev.{name}"));
        for line in fresh.lines() {
            assert!(grown_layout.contains(line), "{name}: {line} in {grown_layout}");
        }
    }
    assert_eq!(project.psql("select count(*) > 0 from dev.by_day__pdefault"), "t");
}

const DAILY: &str = "materialized='incremental', unique_key='id'";

#[test]
fn another_way_of_dividing_is_refused_until_a_full_refresh() {
    let project = Project::new().write("project.yml", "name: it\nprofile: it\n");
    project.psql(EVENTS);
    let write = |by: &str| {
        let config = if by.is_empty() {
            DAILY.to_owned()
        } else {
            format!("{DAILY}, partition_by={by}")
        };
        project.put("models/m.sql", &model(&config, "select * from public.events"));
    };
    let changes = [
        ("", "{'field': 'at', 'granularity': 'month'}", "stands undivided"),
        (
            "{'field': 'at', 'granularity': 'day'}",
            "{'field': 'at', 'granularity': 'month'}",
            "m__p20241231",
        ),
        (
            "{'field': 'at', 'granularity': 'year'}",
            "{'field': 'id', 'type': 'hash', 'modulus': 2}",
            "divided by range of at",
        ),
        (
            "{'field': 'id', 'type': 'hash', 'modulus': 2}",
            "{'field': 'id', 'type': 'hash', 'modulus': 4}",
            "modulus 2",
        ),
        (
            "{'field': 'id', 'range': {'start': 0, 'end': 9, 'interval': 3}}",
            "{'field': 'id', 'range': {'start': 0, 'end': 9, 'interval': 2}}",
            "m__p0",
        ),
        // The default partition holds what would now have a partition.
        (
            "{'field': 'id', 'range': {'start': 0, 'end': 3, 'interval': 3}}",
            "{'field': 'id', 'range': {'start': 0, 'end': 9, 'interval': 3}}",
            "default partition",
        ),
    ];
    for (before, after, said) in changes {
        write(before);
        project.ok(&["run", "--full-refresh"]);
        write(after);
        let refused = project.ends(1, &["run"]).stderr;
        assert!(
            refused.contains("partition-change") && refused.contains(said),
            "{said} in {refused}"
        );
        assert_eq!(project.psql("select count(*) from dev.m"), "5");
        project.ok(&["run", "--full-refresh"]);
        project.ok(&["run"]);
        assert_eq!(project.psql("select count(*) from dev.m"), "5");
    }
}

#[test]
fn what_cannot_be_divided_is_told() {
    let project = Project::new().write("project.yml", "name: it\nprofile: it\n");
    project.psql(EVENTS);
    let said = |config: &str, status: i32, wanted: &[&str]| {
        project.put("models/m.sql", &model(config, "select * from public.events"));
        let told = project.ends(status, &["run"]).stderr;
        for part in wanted {
            assert!(told.contains(part), "{part} in {told}");
        }
    };
    let unique = "indexes=[{'columns': ['id'], 'unique': true}], partition_by={'field': 'at'}";
    said(
        &format!("materialized='table', {unique}"),
        2,
        &["partition-key", "the unique index on id", "add `at`"],
    );
    said(
        "materialized='view', partition_by={'field': 'at'}",
        2,
        &["neither a table nor incremental"],
    );
    said(
        "materialized='table', partition_by={'field': 'at', 'granularity': 'week'}",
        2,
        &["`granularity: hour`"],
    );
    said(
        "materialized='table', partition_by={'field': 'day'}",
        1,
        &["partition-key", "no column `day`"],
    );
    said(
        "materialized='table', partition_by={'field': 'region'}",
        1,
        &["partition-key", "`region` is text"],
    );
    said(
        "materialized='table', partition_by={'field': 'id', 'data_type': 'date'}",
        1,
        &["`id` is integer"],
    );
    project.put(
        "models/m.sql",
        &model(
            "materialized='table', partition_by={'field': 'id', 'type': 'list'}",
            "select id from generate_series(1, 4001) id",
        ),
    );
    let told = project.ends(1, &["run"]).stderr;
    assert!(told.contains("too-many-partitions") && told.contains("4001"), "{told}");
    assert_eq!(tables(&project), "");
}

#[test]
fn another_warehouses_setting_changes_nothing_in_a_dbt_project() {
    let project = Project::new().write("dbt_project.yml", "name: it\nprofile: it\nversion: '1'\n");
    project.psql(EVENTS);
    let config = |by: &str| {
        model(
            &format!("materialized='table', partition_by={by}"),
            "select * from public.events",
        )
    };
    project.put(
        "models/theirs.sql",
        &config("{'field': 'at', 'data_type': 'timestamp', 'granularity': 'day'}"),
    );
    project.put("models/spark.sql", &config("['at']"));
    project.put(
        "models/ours.sql",
        &config("{'type': 'range', 'field': 'at', 'granularity': 'year'}"),
    );
    let told = project.ok(&["run"]).stderr;
    assert!(!told.contains("partition_by"), "{told}");
    assert_eq!(
        project.psql(
            "select string_agg(c.relname, ' ') from pg_partitioned_table p join pg_class c on c.oid = p.partrelid"
        ),
        "ours"
    );
}

#[test]
fn what_belongs_to_a_table_belongs_to_a_divided_one() {
    let project = Project::new().write("project.yml", "name: it\nprofile: it\n").write(
        "models/m.yml",
        "models:\n  - name: kept\n    description: it's divided\n    config:\n      contract: {enforced: true}\n      persist_docs: {relation: true, columns: true}\n      \
         grants: {select: [it_reader]}\n      unlogged: true\n      on_schema_change: append_new_columns\n    constraints:\n      \
         - {type: primary_key, columns: [id, at], name: kept_key}\n      - {type: check, expression: id > 0, name: kept_positive}\n    \
         columns:\n      - {name: id, data_type: int, constraints: [{type: not_null}], description: the id}\n      - {name: at, data_type: timestamp}\n",
    );
    project.psql(
        "create table public.events (id int, at timestamp); insert into public.events values (1, '2025-01-01 10:00')",
    );
    project.put(
        "models/kept.sql",
        &model(
            "materialized='incremental', unique_key=['id', 'at'], incremental_strategy='merge', partition_by={'field': 'at', \
             'granularity': 'month'}, indexes=[{'columns': ['at', 'id'], 'unique': true}]",
            "select * from public.events",
        ),
    );
    project.ok(&["run"]);
    project.psql("insert into public.events values (1, '2025-02-01 10:00')");
    project.psql("create view public.others as select count(*) as n from dev.kept");
    let facts = "select obj_description('dev.kept'::regclass), col_description('dev.kept'::regclass, 1);
        select c.relname, c.relpersistence, count(i.*), count(i.*) filter (where i.indisprimary) from pg_class c join pg_index i on i.indrelid = c.oid
          where c.relname like 'kept%' and c.relkind in ('r', 'p') group by 1, 2 order by 1;
        select conname, count(*) from pg_constraint where conrelid = 'dev.kept__p202501'::regclass and contype = 'c' group by 1;
        select n from public.others";
    let wanted = "it's divided|the id\nkept|p|2|1\nkept__p202501|u|2|1\nkept__p202502|u|2|1\nkept_positive|1\n2";
    for arguments in [
        &["run"][..],
        &["run", "--full-refresh"],
        &["run", "--full-refresh"],
        &["run"],
    ] {
        project.ok(arguments);
        assert_eq!(project.psql(facts), wanted, "{arguments:?}");
        assert_eq!(
            project.psql("select conname from pg_constraint where conrelid = 'dev.kept'::regclass and contype = 'p'"),
            "kept_key"
        );
    }
    project.psql("grant usage on schema dev to it_reader");
    let read = |sql: &str| project.database.try_psql_as("it_reader", sql);
    assert_eq!(read("select count(*) from dev.kept").as_deref(), Ok("2"));
    project.psql("insert into public.events values (0, '2025-03-01')");
    let refused = project.ends(1, &["run"]).stderr;
    assert!(refused.contains("kept_positive"), "{refused}");
    assert_eq!(
        tables(&project),
        "kept kept__p202501 kept__p202502",
        "what a failed run made is gone"
    );
}

#[test]
fn microbatches_of_a_divided_table() {
    let project = Project::with(&[(
        "models/daily.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', \
         begin='2024-01-01', unique_key='id', partition_by={'field': 'at', 'granularity': 'day'}) }}\n\
         select id, at from {{ ref('events') }}",
    )]);
    project.put("models/events.sql", "{{ config(event_time='at') }} select 1 as id, timestamp '2024-01-01 10:00' as at union all select 2, '2024-01-03 09:00'");
    let days = [
        "run",
        "--event-time-start",
        "2024-01-01",
        "--event-time-end",
        "2024-01-04",
    ];
    for more in [&[][..], &[], &["--full-refresh"]] {
        project.ok(&[&days[..], more].concat());
        assert_eq!(
            project.psql("select tableoid::regclass, id from dev.daily order by 2"),
            "dev.daily__p20240101|1\ndev.daily__p20240103|2"
        );
    }
}

#[test]
fn a_published_table_is_divided() {
    let project = Project::new()
        .write(
            "project.yml",
            "name: it\nprofile: it\ngate:\n  schema: analytics\n  readers: [it_reader]\n  keep: 2\n",
        )
        .write(
            "models/m.yml",
            "models:\n  - name: facts\n    access: public\n    columns:\n      - {name: id, data_tests: [not_null]}\n",
        );
    let write = |granularity: &str| {
        project.put(
            "models/facts.sql",
            &model(
                &format!("materialized='incremental', unique_key='id', partition_by={{'field': 'at', 'granularity': '{granularity}'}}"),
                "select id, at from public.events {% if is_incremental() %} where at > (select max(at) from {{ this }}) {% endif %}",
            ),
        );
    };
    write("day");
    project.psql(
        "create table public.events (id int, at timestamp); insert into public.events values (1, '2025-01-01 10:00')",
    );
    project.ok(&["build"]);
    project.psql("insert into public.events values (2, '2025-01-02 10:00')");
    project.ok(&["build"]);
    let seen = || {
        project.database.try_psql_as(
            "it_reader",
            "select string_agg(id::text, ' ' order by id) from analytics.facts",
        )
    };
    assert_eq!(seen().as_deref(), Ok("1 2"));
    let parts = "select count(*), max(regexp_replace(relname, '^.*__', '')) from pg_class where relispartition and relkind = 'r'";
    assert_eq!(project.psql(parts), "2|p20250102");
    project.psql("insert into public.events values (null, '2025-01-03 10:00')");
    project.ends(1, &["build"]);
    assert_eq!(seen().as_deref(), Ok("1 2"));
    project.psql("delete from public.events where id is null");
    project.ok(&["build"]);
    // Another way of dividing is another definition: a new version beside the old one.
    write("month");
    project.ok(&["build"]);
    assert_eq!(seen().as_deref(), Ok("1 2"));
    assert_eq!(project.psql("select count(*) from pg_partitioned_table"), "2");
    write("year");
    project.ok(&["build"]);
    project.ok(&["build"]);
    assert_eq!(
        project.psql("select count(*) from pg_partitioned_table"),
        "2",
        "`keep: 2`"
    );
    assert_eq!(
        project.psql("select count(*) from pg_class where relispartition and relkind = 'r'"),
        "2"
    );
    project.ok(&["rollback"]);
    assert_eq!(seen().as_deref(), Ok("1 2"));
}

#[test]
fn what_a_macro_builds_is_refused_when_the_project_is_read() {
    let strategy = (
        "macros/strategy.sql",
        "{% macro get_incremental_own_sql(arg_dict) %}select 1{% endmacro %}",
    );
    let overridden = (
        "macros/columns.sql",
        "{% macro postgres__create_table_as(temporary, relation, sql) %}select 1{% endmacro %}",
    );
    let own = |name: &str| {
        format!(
            "{{% materialization {name}, adapter='postgres' %}}{{% set by = config.get('partition_by') %}}\
             {{% call statement('main') %}}create table {{{{ this }}}} (at timestamp) partition by range ({{{{ by.field }}}}){{% endcall %}}{{% do adapter.commit() %}}\
             {{{{ return({{'relations': [this]}}) }}}}{{% endmaterialization %}}"
        )
    };
    let microbatch = "materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', begin='2024-01-01'";
    let by = "partition_by={'field': 'at', 'type': 'range'}";
    let refused: [(&str, (&str, &str), &[&str]); 6] = [
        (
            "materialized='table', sql_header='select 1;'",
            strategy,
            &[
                "m has `partition_by`, and is built by the macro macro.dbt.materialization_table_default",
                "`pre_hook`",
            ],
        ),
        (
            "materialized='incremental', incremental_strategy='own'",
            strategy,
            &["its incremental strategy `own` is a macro"],
        ),
        (
            "materialized='incremental', sql_header='select 1;'",
            strategy,
            &["materialization_incremental"],
        ),
        (
            "materialized='table'",
            overridden,
            &["macro.it.postgres__create_table_as", "takes part in building it"],
        ),
        (
            microbatch,
            (
                "macros/batches.sql",
                "{% macro get_incremental_microbatch_sql(arg_dict) %}select 1{% endmacro %}",
            ),
            &["macro.it.get_incremental_microbatch_sql", "takes part in building it"],
        ),
        (
            "materialized='table'",
            ("macros/table.sql", &own("table")),
            &["the project's own materialization `macro.it.materialization_table_postgres`"],
        ),
    ];
    for flavour in ["project.yml", "dbt_project.yml"] {
        for (config, (path, text), wanted) in &refused {
            let project = Project::new()
                .write(flavour, "name: it\nprofile: it\nversion: '1'\n")
                .write(path, text)
                .write(
                    "models/m.sql",
                    &model(&format!("{config}, {by}"), "select now()::timestamp as at"),
                );
            let told = project.ends(2, &["parse"]).stderr;
            for part in [&["not-supported", "models/m.sql"], *wanted].concat() {
                assert!(told.contains(part), "{flavour} {config}: {part} in {told}");
            }
        }
    }
    for kind in ["view", "ephemeral", "materialized_view"] {
        let project = Project::with(&[(
            "models/m.sql",
            &model(&format!("materialized='{kind}', {by}"), "select 1 as at"),
        )]);
        let told = project.ends(2, &["parse"]).stderr;
        assert!(told.contains("neither a table nor incremental"), "{kind}: {told}");
    }
    let project = Project::with(&[
        ("seeds/s.csv", "at\n2024-01-01\n"),
        (
            "seeds/s.yml",
            "seeds:\n- name: s\n  config:\n    partition_by: {field: at, type: range}\n",
        ),
        (
            "snapshots/kept.yml",
            "snapshots:\n- name: kept\n  relation: ref('s')\n  config: {strategy: check, check_cols: all, unique_key: at, partition_by: {field: at, type: range}}\n",
        ),
    ]);
    let told = project.ends(2, &["parse"]).stderr;
    assert_eq!(told.matches("neither a table nor incremental").count(), 2, "{told}");
    // A materialization of another name reads the setting itself.
    let project = Project::with(&[
        ("macros/divided.sql", &own("divided")),
        (
            "models/m.sql",
            &model(&format!("materialized='divided', {by}"), "select 1"),
        ),
    ]);
    project.ok(&["run"]);
    assert_eq!(project.psql("select relkind from pg_class where relname = 'm'"), "p");
}
