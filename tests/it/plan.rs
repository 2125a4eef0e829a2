//! `plan` tells what a build would do, and does nothing.

use super::support::Project;

const PROJECT: &str = "
name: shop
profile: it
models:
  shop:
    +materialized: table
seeds:
  shop:
    +column_types: {code: text}
";

fn shop() -> Project {
    let project = Project::new()
        .write("project.yml", PROJECT)
        .write(
            "models/schema.yml",
            "
sources: [{name: raw, tables: [{name: orders}]}]
models:
  - name: orders
    columns: [{name: id, data_tests: [unique]}]
",
        )
        .write(
            "models/stg.sql",
            "{{ config(materialized='view') }} select id, amount from {{ source('raw', 'orders') }}",
        )
        .write("models/orders.sql", "select id, amount from {{ ref('stg') }}")
        .write(
            "models/log.sql",
            "{{ config(materialized='incremental') }} select id from {{ ref('orders') }}",
        )
        .write("seeds/codes.csv", "code\na\n");
    project
        .psql("create schema raw; create table raw.orders (id int, amount int); insert into raw.orders values (1, 5);");
    project
}

/// Every relation and its columns.
fn picture(project: &Project) -> String {
    project.psql(
        "select c.relname, a.attname, a.atttypid::regtype, c.relfilenode from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 \
         where n.nspname !~ '^pg_|^information_schema$' order by 1, 2",
    )
}

#[test]
fn what_is_not_there_is_created_and_what_stands_is_renewed() {
    let project = shop();
    let before = picture(&project);
    let first = project.ends(3, &["plan"]);
    assert_eq!(
        first.stdout,
        "create  seed         dev.codes\n\
         create  view         dev.stg\n\
         create  table        dev.orders\n\
         create  incremental  dev.log\n\
         4 to create, 0 to change, 0 to renew, 0 to append to, 0 to drop, 1 tests\n"
    );
    assert_eq!(picture(&project), before, "not even a schema was made");
    project.ok(&["build"]);
    let built = picture(&project);
    let second = project.ok(&["plan"]);
    assert_eq!(
        second.stdout,
        "renew   seed         dev.codes\n\
         renew   view         dev.stg\n\
         renew   table        dev.orders  tables are built anew in every run\n\
         append  incremental  dev.log\n\
         0 to create, 0 to change, 3 to renew, 1 to append to, 0 to drop, 1 tests\n"
    );
    assert_eq!(picture(&project), built);
}

#[test]
fn columns_that_come_go_and_change_are_named() {
    let project = shop();
    project.ok(&["build"]);
    project.put(
        "models/orders.sql",
        "select id::bigint as id, 'EUR'::text as currency from {{ ref('stg') }}",
    );
    let told = project.ends(3, &["plan", "-s", "orders+"]);
    assert_eq!(
        told.stdout,
        "change  table        dev.orders  its columns change\n        \
         + currency text\n        \
         - amount integer\n        \
         ~ id integer -> bigint\n\
         append  incremental  dev.log\n\
         0 to create, 1 to change, 0 to renew, 1 to append to, 0 to drop, 1 tests\n"
    );
    let json = project.ends(3, &["plan", "-s", "orders", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["changes_pending"], true);
    assert_eq!(json["steps"][0]["unique_id"], "model.shop.orders");
    assert_eq!(json["steps"][0]["columns"]["retyped"][0]["data_type_before"], "integer");
    project.put(
        "models/orders.sql",
        "{{ config(materialized='view') }} select id, amount from {{ ref('stg') }}",
    );
    let kind = project.ends(3, &["plan", "-s", "orders"]);
    assert!(
        kind.stdout.contains("change  view  dev.orders  it replaces a table"),
        "{}",
        kind.stdout
    );
}

#[test]
fn a_model_that_cannot_be_built_is_told_with_its_place() {
    let project = shop();
    project.ok(&["build"]);
    project.put("models/orders.sql", "select id, amuont from {{ ref('stg') }}");
    let told = project.ends(1, &["plan", "-s", "orders"]);
    assert!(
        told.stdout
            .contains("fail  table  dev.orders  column \"amuont\" does not exist"),
        "{}",
        told.stdout
    );
    assert!(told.stderr.contains("models/orders.sql:1:"), "{}", told.stderr);
}

#[test]
fn a_schema_change_of_an_incremental_model_does_what_its_configuration_says() {
    let project = shop();
    project.ok(&["build"]);
    let plan = |on_schema_change: &str| {
        project.put(
            "models/log.sql",
            &format!(
                "{{{{ config(materialized='incremental', on_schema_change='{on_schema_change}') }}}} \
                 select id, amount from {{{{ ref('orders') }}}}"
            ),
        );
        let outcome = project.run(&["plan", "-s", "log"]);
        (
            outcome.status,
            outcome.stdout.lines().next().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(
        plan("ignore"),
        (
            Some(0),
            "append  incremental  dev.log  `on_schema_change: ignore` keeps the columns that stand".to_owned()
        )
    );
    assert_eq!(plan("append_new_columns").0, Some(3));
    assert_eq!(
        plan("fail"),
        (
            Some(1),
            "fail  incremental  dev.log  `on_schema_change: fail`, and its columns change".to_owned()
        )
    );
}

#[test]
fn a_template_that_writes_is_not_let_to() {
    let project = shop();
    project.ok(&["build"]);
    project.put(
        "models/orders.sql",
        "{% if execute %}{% do run_query('create table raw.made (x int)') %}{% endif %} select id from {{ ref('stg') }}",
    );
    let told = project.ok(&["plan", "-s", "orders"]);
    assert!(told.stdout.contains("renew  table  dev.orders"), "{}", told.stdout);
    assert_eq!(project.psql("select to_regclass('raw.made') is null"), "t");
}

#[test]
fn behind_the_gate_definitions_drops_and_sets_are_told() {
    let project = Project::new()
        .write(
            "project.yml",
            "name: shop\nprofile: it\ngate: {schema: analytics, readers: [it_reader], keep: 1}\nmodels: {shop: {+materialized: table, +access: public}}",
        )
        .write("models/a.sql", "select 1 as x")
        .write("models/b.sql", "select x from {{ ref('a') }}");
    let first = project.ends(3, &["plan"]);
    assert_eq!(
        first.stdout,
        "create  table  analytics.a  first build\n\
         create  table  analytics.b  first build\n\
         Published together: a, b\n\
         2 to create, 0 to change, 0 to renew, 0 to append to, 0 to drop, 0 tests\n"
    );
    project.ok(&["build"]);
    let same = project.ok(&["plan"]);
    // Readers before what they read, as they can be dropped.
    assert_eq!(
        same.stdout,
        "renew  table  analytics.a\n\
         renew  table  analytics.b\n\
         Published together: a, b\n\
         drop  b__[version]  older than the versions that are kept\n\
         drop  a__[version]  older than the versions that are kept\n\
         0 to create, 0 to change, 2 to renew, 0 to append to, 2 to drop, 0 tests\n"
    );
    project.put("models/a.sql", "select 2 as x");
    let changed = project.ends(3, &["plan", "-s", "a"]);
    assert!(
        changed
            .stdout
            .contains("change  table  analytics.a  its definition changed"),
        "{}",
        changed.stdout
    );
}
