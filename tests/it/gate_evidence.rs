//! What a certificate says, and where it is said.

use super::support::Project;

const PROJECT: &str = "
name: shop
profile: it
gate: {schema: analytics, readers: [it_reader], keep: 3}
models: {shop: {+materialized: table}}
";

fn project(files: &[(&str, &str)], sql: &str) -> Project {
    let mut project = Project::new().write("project.yml", PROJECT);
    for (path, text) in files {
        project = project.write(path, text);
    }
    if !sql.is_empty() {
        project.psql(sql);
    }
    project
}

#[test]
fn an_older_ledger_is_brought_up_to_date_by_what_may_change_it() {
    let project = project(
        &[
            ("models/schema.yml", "models: [{name: fact, access: public}]"),
            ("models/fact.sql", "select 1 as id"),
        ],
        "",
    );
    project.ok(&["build"]);
    // As the first ledgers were.
    project.psql(
        "drop table assay.format;
         drop view analytics.published_models;
         alter table assay.publications drop column rows_added, drop column rows_changed, drop column rows_removed;",
    );
    for command in [&["history"][..], &["plan"]] {
        let refused = project.ends(2, command);
        assert!(refused.stderr.contains("older-ledger"), "{}", refused.stderr);
        assert!(refused.stderr.contains("assay build"), "{}", refused.stderr);
    }
    let docs = project.ok(&["docs", "generate"]);
    assert!(docs.stderr.contains("older format"), "{}", docs.stderr);
    project.ok(&["gc"]);
    assert_eq!(
        project.psql("select count(*) from assay.publications where rows_added is null"),
        "1"
    );
    assert!(project.ok(&["history"]).stdout.contains("fact"));
    project.ok(&["build"]);
    assert_eq!(project.psql("select count(*) from assay.format"), "1");
}

/// `fact` stands on a source that is dated, through a private view; `top` is made from `fact`.
fn dated(gate: &str, hours: u32) -> Project {
    let project = Project::new()
        .write(
            "project.yml",
            &format!(
                "name: shop\nprofile: it\ngate: {{schema: analytics, readers: [it_reader], keep: 3{gate}}}\n\
                 models: {{shop: {{+materialized: table}}}}\n"
            ),
        )
        .write(
            "models/schema.yml",
            "
             sources:
               - name: raw
                 config:
                   loaded_at_field: loaded_at
                   freshness: {warn_after: {count: 2, period: hour}, error_after: {count: 1, period: day}}
                 tables: [{name: orders}]
             models:
               - {name: stg}
               - name: fact
                 access: public
                 columns:
                   - name: id
                     data_tests: [unique, not_null]
                   - name: amount
                     data_tests:
                       - not_null: {config: {severity: warn}}
               - {name: top, access: public}",
        )
        .write(
            "models/stg.sql",
            "{{ config(materialized='view') }} select id, amount from {{ source('raw', 'orders') }}",
        )
        .write("models/fact.sql", "select * from {{ ref('stg') }}")
        .write("models/top.sql", "select count(*) as n from {{ ref('fact') }}");
    project.psql(&format!(
        "create schema raw;
         create table raw.orders (id int, amount int, loaded_at timestamptz);
         insert into raw.orders select i, nullif(i, 2), now() - interval '{hours} hours' from generate_series(1, 3) as i"
    ));
    project
}

fn read(project: &Project, sql: &str) -> String {
    project
        .database
        .try_psql_as("it_reader", sql)
        .expect("readers read what is published")
}

#[test]
fn a_certificate_says_how_fresh_its_sources_were_and_which_tests_warned() {
    let project = dated("", 3);
    let outcome = project.ok(&["build"]);
    for part in [
        "WARN not_null_fact_amount: 1 failure",
        "source raw.orders was loaded last",
        "beyond its warn_after",
    ] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
    assert_eq!(
        read(
            &project,
            "select string_agg(concat_ws('|', model, freshness, tests_warned, warnings, is_current, expires_at,
                 sources->0->>'source', round((sources->0->>'age_seconds')::numeric / 3600)), e'\\n' order by model)
             from analytics.published_models"
        ),
        "fact|warn|1|not_null_fact_amount: 1|t|source.shop.raw.orders|3\ntop|warn|0|t|source.shop.raw.orders|3"
    );
    // What is not built again keeps what its certificate says, and what is made from it inherits that.
    project.psql("update raw.orders set loaded_at = now()");
    let outcome = project.ok(&["build", "--select", "top"]);
    assert!(
        outcome.stderr.contains("raw.orders was loaded last"),
        "{}",
        outcome.stderr
    );
    let status = "select string_agg(freshness, ' ' order by model) from analytics.published_models";
    assert_eq!(read(&project, status), "warn warn");
    project.ok(&["build"]);
    assert_eq!(read(&project, status), "pass pass");
    assert!(project.ok(&["history"]).stdout.contains("not_null_fact_amount: 1"));
}

#[test]
fn a_stale_source_blocks_what_asks_for_fresh_ones() {
    let project = dated(", require_fresh: true", 3);
    project.ok(&["build"]);
    let published = "select string_agg(version, ' ' order by model) from analytics.published_models";
    let before = read(&project, published);
    project.psql("update raw.orders set loaded_at = now() - interval '2 days'");
    let outcome = project.ends(1, &["build"]);
    for part in [
        "stale-source",
        "raw.orders was loaded last",
        "48.0 hours before, beyond its error_after",
        "Held back 2 models",
    ] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
    assert_eq!(read(&project, published), before);
    // The model's own word counts more than the gate's.
    project.put(
        "models/fact.sql",
        "{{ config(require_fresh=false) }} select * from {{ ref('stg') }}",
    );
    project.put(
        "models/top.sql",
        "{{ config(require_fresh=false) }} select count(*) as n from {{ ref('fact') }}",
    );
    let outcome = project.ok(&["build"]);
    assert!(
        outcome.stderr.contains("what is certified now stands on it"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        read(
            &project,
            "select string_agg(freshness, ' ') from analytics.published_models"
        ),
        "error error"
    );
}

#[test]
fn certificates_expire() {
    let project = dated(", certify_within: {count: 2, period: hour}", 0).write(
        "models/top.sql",
        "{{ config(certify_within={'count': 1, 'period': 'day'}) }} select count(*) as n from {{ ref('fact') }}",
    );
    project.ok(&["build"]);
    let shown = "select string_agg(concat_ws(' ', model, expires_at - certified_at, is_current), ', ' order by model)
                 from analytics.published_models";
    assert_eq!(read(&project, shown), "fact 02:00:00 t, top 1 day t");
    project.psql("update assay.certificates set certified_at = now() - interval '3 hours', expires_at = now() - interval '1 hour'");
    assert_eq!(read(&project, shown), "fact 02:00:00 f, top 02:00:00 f");
    let plan = project.run(&["plan", "--select", "top"]).stdout;
    for part in [
        "certificate of fact  expired",
        "not renewed by this build",
        "certificate of top  expired",
        ", renewed by",
    ] {
        assert!(plan.contains(part), "{part} in {plan}");
    }
    let wrong = project.write("models/top.sql", "{{ config(certify_within='1 day') }} select 1 as n");
    assert!(wrong.ends(2, &["build"]).stderr.contains("certify_within"));
}

#[test]
fn a_view_of_fewer_columns_is_replaced_under_its_readers() {
    let project = dated("", 0);
    project.ok(&["build"]);
    project.psql(
        "drop view analytics.published_models;
         create view analytics.published_models as
         select v.model, v.version_name as version, c.certified_at, c.tests_passed, c.tests_warned, c.rows, c.data_as_of,
                c.certified_at as published_at, c.run_id
         from assay.versions v join assay.certificates c using (version_id);
         grant select on analytics.published_models to it_reader;
         create view public.mine as select model from analytics.published_models",
    );
    project.ok(&["build", "--select", "top"]);
    assert_eq!(
        read(&project, "select bool_and(is_current) from analytics.published_models"),
        "t"
    );
    assert_eq!(project.psql("select count(*) from public.mine"), "2");
}

/// Rows added, changed and removed of the last publication of a model.
fn changed(project: &Project, model: &str) -> String {
    project.psql(&format!(
        "select concat_ws(' ', action, coalesce(rows_added::text, '?'), coalesce(rows_changed::text, '?'), coalesce(rows_removed::text, '?'))
         from assay.publications where model = '{model}' order by publication_id desc limit 1"
    ))
}

#[test]
fn a_publication_records_what_it_changes() {
    let project = dated("", 0)
        .write(
            "models/keyed.sql",
            "{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('stg') }}",
        )
        .write(
            "models/more.yml",
            "models: [{name: keyed, access: public}, {name: bare, access: public}, {name: seen, access: public}]",
        )
        .write("models/bare.sql", "select amount from {{ ref('stg') }}")
        .write(
            "models/seen.sql",
            "{{ config(materialized='view', unique_key='id') }} select id, amount from {{ ref('fact') }}",
        );
    project.ok(&["build"]);
    for model in ["fact", "keyed", "bare", "seen"] {
        assert_eq!(changed(&project, model), "publish ? ? ?", "{model}");
    }
    // One row goes, one changes, two come; the others stay.
    project.psql(
        "delete from raw.orders where id = 1; update raw.orders set amount = 30 where id = 3;
         insert into raw.orders values (4, 4, now()), (5, 5, now())",
    );
    let outcome = project.ok(&["build", "--full-refresh"]);
    assert!(outcome.stderr.contains("+2 ~1 -1"), "{}", outcome.stderr);
    // `fact` by its unique test, `keyed` by its unique key; `bare` has no key, so that a changed row is a row less and one more.
    assert_eq!(changed(&project, "fact"), "publish 2 1 1");
    assert_eq!(changed(&project, "keyed"), "publish 2 1 1");
    assert_eq!(changed(&project, "bare"), "publish 3 0 2");
    // The same view on other rows.
    assert_eq!(changed(&project, "seen"), "publish ? ? ?");
    assert!(project.ok(&["history", "fact"]).stdout.contains("+2 ~1 -1"));
    // A new column is no change of rows.
    project.put("models/fact.sql", "select *, 1 as one from {{ ref('stg') }}");
    // Of the four rows 2, 3, 4, 5 two are left, one of them with another amount.
    project.put(
        "models/seen.sql",
        "{{ config(materialized='view', unique_key='id') }}
         select id, case id when 4 then 40 else amount end as amount from {{ ref('fact') }} where id > 3",
    );
    project.ok(&["build"]);
    assert_eq!(changed(&project, "fact"), "publish 0 0 0");
    assert_eq!(changed(&project, "seen"), "publish 0 1 2");
    assert_eq!(
        read(
            &project,
            "select concat_ws(' ', rows_added, rows_changed, rows_removed) from analytics.published_models where model = 'fact'"
        ),
        "0 0 0"
    );
    project.put(
        "project.yml",
        &project
            .read("project.yml")
            .replace("keep: 3", "keep: 3, record_changes: false"),
    );
    project.ok(&["build"]);
    assert_eq!(changed(&project, "fact"), "publish ? ? ?");
}
