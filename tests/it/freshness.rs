//! `source freshness`; the expectations are what dbt 1.12 does with the same sources.

use serde_json::{Value as Json, json};

use super::support::Project;

const SOURCES: &str = "\
sources:
  - name: raw
    config:
      loaded_at_field: loaded
      freshness: {warn_after: {count: 1, period: hour}, error_after: {count: 2, period: day}}
    tables:
      - {name: new}
      - {name: late}
      - {name: empty}
      - {name: missing}
      - {name: quiet, identifier: late, config: {freshness: null}}
";

const TABLES: &str = "create schema raw;
create table raw.new as select now() as loaded;
create table raw.late as select now() - interval '3 hours' as loaded;
create table raw.empty (loaded timestamptz)";

fn project() -> Project {
    let project = Project::with(&[("models/sources.yml", SOURCES)]);
    project.psql(TABLES);
    project
}

fn statuses(file: &str) -> Json {
    let found: Json = serde_json::from_str(file).expect("JSON");
    let results = found["results"].as_array().expect("a list").iter();
    let pairs = results.map(|one| {
        let id = one["unique_id"].as_str().expect("an id").to_owned();
        (id, one["status"].clone())
    });
    Json::Object(pairs.collect())
}

#[test]
fn every_source_with_a_limit_is_asked() {
    let project = project();
    let told = project.ends(1, &["source", "freshness"]);
    for said in [
        "START freshness of raw.empty ",
        "ERROR STALE freshness of raw.empty ",
        "ERROR freshness of raw.missing ",
        "PASS freshness of raw.new ",
        "WARN freshness of raw.late ",
        "no row tells when it was loaded; the limit is 2 days",
        "3 hours ago; the limit is 1 hour",
        "relation \"raw.missing\" does not exist",
    ] {
        assert!(told.stderr.contains(said), "{said}: {}", told.stderr);
    }
    assert!(!told.stderr.contains("raw.quiet"), "{}", told.stderr);
    assert_eq!(
        statuses(&project.read("target/sources.json")),
        json!({"source.it.raw.empty": "error", "source.it.raw.late": "warn", "source.it.raw.new": "pass"})
    );
    assert!(!project.path().join("target/run_results.json").exists());
}

#[test]
fn a_warning_is_no_failure_and_the_file_goes_where_it_is_wanted() {
    let project = project();
    let asked = [
        "source",
        "snapshot-freshness",
        "-s",
        "source:raw.late",
        "-o",
        "made/here.json",
    ];
    project.ok(&asked);
    assert_eq!(
        statuses(&project.read("made/here.json")),
        json!({"source.it.raw.late": "warn"})
    );
    assert!(!project.path().join("target/sources.json").exists());
}

#[test]
fn the_first_that_is_too_old_stops_the_rest() {
    let project = project();
    project.ends(1, &["source", "freshness", "-x", "--threads", "1"]);
    assert_eq!(
        statuses(&project.read("target/sources.json")),
        json!({"source.it.raw.empty": "error"})
    );
}

#[test]
fn a_macro_of_the_project_may_tell_the_time() {
    let project = project().write(
        "macros/collect.sql",
        "{% macro collect_freshness(source, loaded_at_field, filter) %}{% call statement('mine', fetch_result=true) %}
         select now() - interval '90 minutes' as max_loaded_at, now() as snapshotted_at -- {{ source }} {{ filter }}
         {% endcall %}{{ return(load_result('mine')) }}{% endmacro %}",
    );
    project.ok(&["source", "freshness"]);
    // The table alone will do too.
    let text = project
        .read("macros/collect.sql")
        .replace("load_result('mine')", "load_result('mine').table");
    project.put("macros/collect.sql", &text);
    project.ok(&["source", "freshness", "-s", "source:raw.new"]);
    assert_eq!(
        statuses(&project.read("target/sources.json")),
        json!({"source.it.raw.new": "warn"})
    );
    project.put("macros/collect.sql", &text.replace(".table", ""));
    project.ok(&["source", "freshness"]);
    let told = statuses(&project.read("target/sources.json"));
    assert!(
        told.as_object()
            .is_some_and(|told| told.len() == 4 && told.values().all(|status| status == "warn")),
        "{told}"
    );
}

#[test]
fn a_selection_without_a_limit_has_nothing_to_do() {
    let project = project();
    let told = project.ends(2, &["source", "freshness", "-s", "source:raw.quiet"]);
    assert!(told.stderr.contains("error[nothing-selected]"), "{}", told.stderr);
    project.ok(&["source", "freshness", "-s", "source:raw.quiet", "--allow-empty"]);
    assert_eq!(statuses(&project.read("target/sources.json")), json!({}));
}
