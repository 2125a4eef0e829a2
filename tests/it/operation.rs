//! `run-operation`, and what macros see of a run; the expectations are what dbt 1.12 does with the same macros.

use serde_json::Value as Json;

use super::support::Project;

const MACROS: &str = "\
{% macro create(name) %}{% do run_query('create table ' ~ target.schema ~ '.' ~ name ~ ' as select 1 as x') %}{% endmacro %}
{% macro fails() %}{% do create('before') %}{% do run_query('select 1/0') %}{% endmacro %}
{% macro open() %}{% do run_query('begin') %}{% do create('undone') %}{% endmacro %}
{% macro says(a, b=2) %}{% do print(a ~ ' ' ~ b ~ ' ' ~ ref('m') ~ ' ' ~ thread_id ~ ' ' ~ flags.WHICH ~ ' ' ~ model.unique_id) %}
{{ log('logged', info=true) }} not shown {% endmacro %}
{% macro counts() %}{% do print(graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | map(attribute='name') | join(',')
  ~ ' ' ~ graph.nodes['model.it.m'].config.materialized ~ ' ' ~ graph.get('nothing') ~ ' ' ~ selected_resources) %}{% endmacro %}
";

fn project() -> Project {
    Project::with(&[
        ("macros/operations.sql", MACROS),
        ("models/m.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/e.sql", "{{ config(materialized='ephemeral') }} select 1 as id"),
    ])
}

#[test]
fn statements_are_committed_one_by_one() {
    let project = project();
    project.ok(&["run"]);
    project.ok(&["run-operation", "create", "--args", "{name: made}"]);
    project.ends(1, &["run-operation", "fails"]);
    project.ok(&["run-operation", "open"]);
    project.ok(&[
        "run-operation",
        "--sql",
        "create table dev.typed as select * from {{ ref('m') }}",
    ]);
    assert_eq!(
        project.psql("select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'dev'"),
        "before m made typed"
    );
}

#[test]
fn what_is_printed_is_standard_output_and_the_result_is_an_artifact() {
    let project = project();
    let outcome = project.ok(&["run-operation", "says", "--args", "{a: [1, x]}"]);
    assert_eq!(
        outcome.stdout,
        "[1, 'x'] 2 \"[db]\".\"dev\".\"m\" MainThread run-operation macro.it.says\n"
    );
    assert!(
        outcome.stderr.contains("  logged") && !outcome.stderr.contains("not shown"),
        "{}",
        outcome.stderr
    );
    let results: Json = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let result = &results["results"][0];
    assert_eq!(result["unique_id"], "macro.it.says");
    assert_eq!(
        (&result["status"], &result["failures"], &result["thread_id"]),
        (&"success".into(), &0.into(), &"MainThread".into())
    );
    assert_eq!(results["args"]["which"], "run-operation");
}

#[test]
fn the_graph_is_there() {
    let project = project();
    assert_eq!(project.ok(&["run-operation", "counts"]).stdout, "e,m table None []\n");
}

#[test]
fn mistakes_are_named() {
    let project = project();
    let told = |status, arguments: &[&str]| project.ends(status, arguments).stderr;
    assert!(told(2, &["run-operation", "sayz"]).contains("did you mean `says`?"));
    assert!(told(2, &["run-operation", "other.says"]).contains("the package `other` has no macro `says`"));
    assert!(told(2, &["run-operation", "says", "--args", "[1]"]).contains("`--args` is not a YAML mapping"));
    assert!(told(2, &["run-operation"]).contains("MACRO"));
    assert!(told(2, &["run-operation", "says", "--select", "m"]).contains("--select"));
    assert!(told(1, &["run-operation", "says", "--args", "{c: 1}"]).contains("has no argument `c`"));
    let results: Json = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    assert_eq!(
        (&results["results"][0]["status"], &results["results"][0]["failures"]),
        (&"error".into(), &1.into())
    );
    project.put("macros/e.sql", "{% macro reads() %}{{ ref('e') }}{% endmacro %}");
    assert!(told(1, &["run-operation", "reads"]).contains("ephemeral-in-operation"));
}
