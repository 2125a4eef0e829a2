//! What dbt takes of a project that is not quite as it should be. The values are those of dbt 1.12.

use serde_json::Value as Json;

use super::support::Project;

fn dbt_project(files: &[(&str, &str)]) -> Project {
    files
        .iter()
        .fold(Project::new(), |project, (path, text)| project.write(path, text))
}

fn json(project: &Project, path: &str) -> Json {
    serde_json::from_str(&project.read(path)).expect("JSON")
}

fn statuses(project: &Project) -> Vec<(String, String)> {
    let results = json(project, "target/run_results.json");
    let mut found: Vec<(String, String)> = results["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| {
            let id = result["unique_id"].as_str().expect("an id");
            let name = id.split('.').nth(2).expect("a name");
            (name.to_owned(), result["status"].as_str().expect("a status").to_owned())
        })
        .collect();
    found.sort();
    found
}

fn pair(name: &str, status: &str) -> (String, String) {
    (name.to_owned(), status.to_owned())
}

#[test]
fn a_relation_with_too_long_a_name_fails_alone() {
    let long = "a".repeat(64);
    let fits = "b".repeat(63);
    let project = dbt_project(&[
        ("dbt_project.yml", "name: shop\nprofile: it\n"),
        (
            "models/few.sql",
            &format!("{{{{ config(alias='{long}') }}}} select 1 as a"),
        ),
        ("models/child.sql", "select * from {{ ref('few') }}"),
        (
            "models/fits.sql",
            &format!("{{{{ config(alias='{fits}', materialized='table') }}}} select 1 as a"),
        ),
    ]);
    let outcome = project.ends(1, &["run"]);
    let shown = outcome.stdout + &outcome.stderr;
    assert!(shown.contains("error[long-name]"), "{shown}");
    assert_eq!(
        statuses(&project),
        [pair("child", "skipped"), pair("few", "error"), pair("fits", "success")]
    );
}

/// dbt's parser looks for a test by its bare name. Where the project has one of that name, the package's own is not called
/// until it runs, and the configuration that it would have given itself does not hold.
#[test]
fn a_test_of_a_package_that_the_project_has_too_is_not_configured_by_itself() {
    let files = [
        ("dbt_project.yml", "name: shop\nprofile: it\n"),
        ("models/two.sql", "select 1 as a union all select 2"),
        ("models/two.yml", "models:\n- name: two\n  data_tests: [dep.rows]\n"),
        ("dbt_packages/dep/dbt_project.yml", "name: dep\n"),
        (
            "dbt_packages/dep/macros/rows.sql",
            "{% test rows(model) %}{{ config(fail_calc='10 * count(*)') }} select * from {{ model }}{% endtest %}",
        ),
    ];
    let failures = |project: &Project| {
        project.ends(1, &["build"]);
        let results = json(project, "target/run_results.json");
        let results = results["results"].as_array().expect("results").clone();
        let test = results
            .iter()
            .find(|result| result["status"] == "fail")
            .expect("a failure");
        test["failures"].as_u64()
    };
    assert_eq!(failures(&dbt_project(&files)), Some(20));
    let own = |text: &str| dbt_project(&files).write("macros/rows.sql", text);
    assert_eq!(failures(&own("{% test rows(model) %}select 1{% endtest %}")), Some(2));
    let calling = own("{% test rows(model) %}{{ dep.test_rows(model) }}{% endtest %}");
    assert_eq!(failures(&calling), Some(20));
}

#[test]
fn what_is_written_of_a_model_of_another_package_counts() {
    let project = dbt_project(&[
        ("dbt_project.yml", "name: shop\nprofile: it\n"),
        (
            "models/a.yml",
            "models:\n- name: theirs\n  config: {alias: mine, materialized: table}\n  description: Not ours.\n  columns: [{name: a, data_tests: [not_null]}]\n- name: nobodys\n  columns: [{name: a, data_tests: [unique]}]\n",
        ),
        ("dbt_packages/dep/dbt_project.yml", "name: dep\n"),
        ("dbt_packages/dep/models/theirs.sql", "select 1 as a"),
    ]);
    project.ok(&["build"]);
    assert_eq!(
        statuses(&project),
        [pair("not_null_theirs_a", "pass"), pair("theirs", "success")]
    );
    // What is said of it there holds for it.
    assert_eq!(project.psql("select relkind from pg_class where relname = 'mine'"), "r");
    let manifest = json(&project, "target/manifest.json");
    assert_eq!(manifest["nodes"]["model.dep.theirs"]["description"], "Not ours.");
}

#[test]
fn the_graph_has_what_the_project_file_says_of_its_sources() {
    let project = dbt_project(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: it\nsources: {shop: {+watched: true, +limits: {few: 1}}}\n",
        ),
        ("models/a.yml", "sources: [{name: raw, tables: [{name: t}]}]\n"),
        (
            "models/m.sql",
            "{% if execute %}{% for s in graph.sources.values() %}select '{{ s.config.get('watched') }} {{ s.config.limits.few }}' as said{% endfor %}{% endif %}",
        ),
    ]);
    project.ok(&["run"]);
    assert_eq!(project.psql("select said from dev.m"), "True 1");
}

#[test]
fn of_a_key_that_is_written_twice_the_later_counts() {
    let project = dbt_project(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: it\nmodels:\n  shop:\n    +materialized: view\n    +materialized: table\n",
        ),
        ("models/m.sql", "select 1 as a"),
        ("seeds/s.csv", "a\n1\n"),
        ("seeds/s.yml", "seeds:\n- name: s\n  config: {column_types: {b: }}\n"),
    ]);
    let outcome = project.ok(&["build"]);
    let shown = outcome.stdout + &outcome.stderr;
    assert!(shown.contains("warning[duplicate-key]"), "{shown}");
    assert_eq!(project.psql("select relkind from pg_class where relname = 'm'"), "r");
}
