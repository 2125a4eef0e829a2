//! Nodes and runs that are in each other's way.

use std::process::Child;

use super::support::Project;

fn ended(project: &Project, child: Child) -> String {
    let output = child.wait_with_output().expect("ends");
    let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
    assert_eq!(outcome.status, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    outcome.stderr
}

#[test]
fn models_that_lock_each_others_tables_are_done_again() {
    // Both have the first before one asks for the second; who comes again goes on.
    let locks = |own: &str, other: &str| {
        format!(
            "{{{{ config(materialized='table', pre_hook=[
                 'lock table dev.{own}', 'select raw.lockers_meet()', 'lock table dev.{other}'
             ]) }}}} select 1 as id"
        )
    };
    let counts = |first: &str, second: &str| {
        format!(
            "{{{{ config(materialized='incremental', pre_hook=[
                 'update raw.{first} set n = n + 1', 'select raw.counters_meet()',
                 'update raw.{second} set n = n + 1'
             ]) }}}} select 1 as id"
        )
    };
    let project = Project::with(&[
        ("models/a.sql", &locks("a", "b")),
        ("models/b.sql", &locks("b", "a")),
        ("models/c.sql", &counts("one", "two")),
        ("models/d.sql", &counts("two", "one")),
    ]);
    project.psql(
        "create schema raw; create table raw.one as select 0 as n; create table raw.two as select 0 as n;
         create schema dev; create table dev.a (id int); create table dev.b (id int)",
    );
    for who in ["lockers", "counters"] {
        project.psql(&format!(
            "create sequence raw.{who};
             create function raw.{who}_meet() returns void language plpgsql as $$
             declare there bigint := nextval('raw.{who}');
             begin
               while there < 2 loop
                 perform pg_sleep(0.01);
                 select last_value into there from raw.{who};
               end loop;
             end $$"
        ));
    }
    let outcome = project.ok(&["run", "--threads", "4"]);
    assert_eq!(
        outcome
            .stderr
            .matches("deadlock detected; trying again in 0.1 s")
            .count(),
        2,
        "{}",
        outcome.stderr
    );
    let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let again = results["results"].as_array().expect("a list").iter().filter(|result| {
        let message = result["message"].as_str().unwrap_or_default();
        message.ends_with("(after 1 retry: deadlock detected)")
    });
    assert_eq!(again.count(), 2, "{results}");
    // Each hook has run once in the end.
    assert_eq!(
        project.psql("select (select n from raw.one), (select n from raw.two), (select count(*) from dev.c)"),
        "2|2|1"
    );
    assert_eq!(
        project.psql(
            "select string_agg(relname, ' ' order by relname) from pg_class where relnamespace = 'dev'::regnamespace"
        ),
        "a b c d"
    );
}

/// A project behind a gate and one without write to the same private tables.
#[test]
fn projects_that_share_their_tables_take_turns() {
    let model = "{{ config(materialized='incremental') }} select id from {{ source('raw', 'orders') }}
                 {% if is_incremental() %} where id > (select coalesce(max(id), 0) from {{ this }}) {% endif %}";
    let properties = "sources:\n  - name: raw\n    tables: [{name: orders}]\n";
    let plain = Project::with(&[("models/m.sql", model), ("models/schema.yml", properties)]);
    let gated = Project::new()
        .write(
            "project.yml",
            "name: other\nprofile: it\ngate: {schema: analytics, readers: [it_turn_reader]}\n",
        )
        .write("models/m.sql", model)
        .write("models/schema.yml", properties)
        .write(
            "models/seen.sql",
            "{{ config(access='public', materialized='table') }} select * from {{ ref('m') }}",
        );
    gated.put("profiles.yml", &plain.read("profiles.yml"));
    plain.psql("create schema raw; create table raw.orders as select generate_series(1, 100) as id");
    for round in 1..=3 {
        let pair = [
            plain.spawn(&["run", "--threads", "16"]),
            gated.spawn(&["run", "--threads", "16"]),
        ];
        for (project, child) in [&plain, &gated].into_iter().zip(pair) {
            ended(project, child);
        }
        let rows = round * 100;
        for name in ["dev.m", "analytics.seen"] {
            assert_eq!(
                plain.psql(&format!("select count(*) || ' ' || count(distinct id) from {name}")),
                format!("{rows} {rows}"),
                "{name}, round {round}"
            );
        }
        plain.psql(&format!(
            "insert into raw.orders select generate_series({rows} + 1, {rows} + 100)"
        ));
    }
}

fn tests_beside_runs(rounds: usize) {
    let mut project = Project::with(&[]);
    let mut properties = "models:\n".to_owned();
    for number in 0..6 {
        properties.push_str(&format!(
            "  - name: t{number}\n    columns: [{{name: id, data_tests: [unique, not_null]}}]\n"
        ));
        let kind = if number % 2 == 0 { "table" } else { "view" };
        project = project.write(
            &format!("models/t{number}.sql"),
            &format!("{{{{ config(materialized='{kind}') }}}} select generate_series(1, 1000) as id"),
        );
    }
    let project = project.write("models/schema.yml", &properties);
    project.ok(&["run"]);
    for _ in 0..rounds {
        let pair = [
            project.spawn(&["run", "--threads", "16"]),
            project.spawn(&["test", "--threads", "16", "--target-path", "target2"]),
        ];
        for child in pair {
            ended(&project, child);
        }
    }
}

#[test]
fn tests_beside_a_run() {
    tests_beside_runs(5);
}

#[test]
#[ignore = "two hundred runs: several minutes"]
fn tests_beside_a_run_a_hundred_times() {
    tests_beside_runs(100);
}
