//! What earlier runs left behind, and who gets it out of the way.

use super::support::Project;

#[test]
fn a_view_on_a_candidate_is_in_nobodys_way() {
    let project = Project::new()
        .write(
            "project.yml",
            "name: it\nprofile: it\ngate: {schema: analytics, readers: [it_leftover_reader]}\n",
        )
        .write(
            "models/schema.yml",
            "sources:\n  - name: raw\n    tables: [{name: orders}]\nmodels:\n  - name: m\n    access: public\n    columns:\n      \
             - name: id\n        data_tests: [unique]\n",
        )
        .write(
            "models/m.sql",
            "{{ config(materialized='incremental') }} select id from {{ source('raw', 'orders') }}
             {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
        );
    project.psql("create schema raw; create table raw.orders as select 1 as id");
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (2), (2)");
    project.ends(1, &["build"]);
    project.psql("create view public.mine as select * from analytics__versions.m__candidate");
    let outcome = project.ends(1, &["build"]);
    let told = |text: &str| outcome.stderr.contains(text) || outcome.stdout.contains(text);
    assert!(
        told("What an earlier run left is kept as m__candidate_kept_") && told("view mine depends on view"),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let candidates = "select string_agg(regexp_replace(relname, '[0-9]+', 'N'), ' ' order by relname) from pg_class
                      where relnamespace = 'analytics__versions'::regnamespace and relname ~ 'candidate|stage'";
    assert_eq!(
        project.psql(candidates),
        "m__candidate m__candidate_kept_N m__stage m__stage_kept_N"
    );
    assert_eq!(project.psql("select count(*) from public.mine"), "3");
    project.psql("delete from raw.orders where id = 2; insert into raw.orders values (3)");
    project.ok(&["build"]);
    assert_eq!(
        project.psql("select string_agg(id::text, ' ' order by id) from analytics.m"),
        "1 3"
    );
    project.psql("drop view public.mine");
    project.ok(&["gc"]);
    assert_eq!(project.psql(candidates), "");
}

/// As dbt leaves them when it is killed after the new table was committed, or before the old one was renamed.
#[test]
fn what_a_killed_run_left_beside_a_node_is_dropped_by_its_next_run() {
    let project = Project::with(&[
        ("models/t.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/v.sql", "select 1 as id"),
        (
            "models/i.sql",
            "{{ config(materialized='incremental') }} select 1 as id",
        ),
        ("seeds/s.csv", "id\n1\n"),
        ("models/read.sql", "{{ config(materialized='table') }} select 1 as id"),
    ]);
    project.ok(&["build"]);
    project.psql(
        "create table dev.t__dbt_backup (); create view dev.v__dbt_backup as select 1; create table dev.i__dbt_tmp ();
         create table dev.s__dbt_backup (); create table dev.other__dbt_backup ();
         create table dev.read__dbt_backup (id int); create view dev.mine as select * from dev.read__dbt_backup",
    );
    let outcome = project.ok(&["build", "--exclude", "i"]);
    assert!(
        outcome
            .stdout
            .contains("Dropped what an earlier run left: dev.t__dbt_backup")
            || outcome
                .stderr
                .contains("Dropped what an earlier run left: dev.t__dbt_backup"),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let left = "select string_agg(relname, ' ' order by relname) from pg_class where relname ~ '__dbt_'";
    // Of nodes that this run does not build, of nobody, and what somebody built on.
    assert_eq!(project.psql(left), "i__dbt_tmp other__dbt_backup read__dbt_backup");
    project.ok(&["run", "--select", "i"]);
    project.psql("drop view dev.mine");
    project.ok(&["run"]);
    assert_eq!(project.psql(left), "other__dbt_backup");
}
