//! Rules of dbt that are told while a project is read: what it refuses, and what it warns of.

use super::support::Project;

/// Parses a project and expects every part in what is said.
fn told(status: i32, files: &[(&str, &str)], parts: &[&str]) {
    let files: Vec<_> = [("dbt_project.yml", "name: shop\nprofile: it\n")]
        .into_iter()
        .chain(files.iter().copied())
        .collect();
    let outcome = Project::with(&files).ends(status, &["parse"]);
    for part in parts {
        assert!(outcome.stderr.contains(part), "`{part}` is not in:\n{}", outcome.stderr);
    }
}

const CONTRACT: &str = "models:\n- name: m\n  config: {contract: {enforced: true}}\n  \
    columns: [{name: id, data_type: int, constraints: [{type: not_null}]}]\n";

#[test]
fn an_incremental_model_with_a_contract_says_what_new_columns_do() {
    let said = [
        "error[wrong-value]",
        "`append_new_columns` or `fail`",
        "models/m.yml:3:",
    ];
    let incremental = "{{ config(materialized='incremental') }} select 1 as id";
    told(2, &[("models/m.sql", incremental), ("models/m.yml", CONTRACT)], &said);
    let ignored = "{{ config(materialized='incremental', on_schema_change='ignore') }} select 1 as id";
    told(2, &[("models/m.sql", ignored), ("models/m.yml", CONTRACT)], &said[..2]);
    let fails = "{{ config(materialized='incremental', on_schema_change='fail') }} select 1 as id";
    told(0, &[("models/m.sql", fails), ("models/m.yml", CONTRACT)], &[]);
}

#[test]
fn constraints_that_are_not_made() {
    let view = [("models/m.sql", "select 1 as id"), ("models/m.yml", CONTRACT)];
    told(0, &view, &["warning[unmade-constraint]", "materialized as `view`"]);
    let quiet = CONTRACT.replace("type: not_null", "type: not_null, warn_unsupported: false");
    let project = Project::with(&[
        ("dbt_project.yml", "name: shop\nprofile: it\n"),
        ("models/m.sql", "select 1 as id"),
        ("models/m.yml", &quiet),
    ]);
    assert!(!project.ok(&["parse"]).stderr.contains("unmade-constraint"));
}

#[test]
fn a_seed_reads_nothing() {
    let files = [
        ("seeds/s.csv", "id\n1\n"),
        ("models/m.sql", "select 1 as id"),
        (
            "seeds/s.yml",
            "seeds:\n- name: s\n  config: {post_hook: \"select * from {{ ref('m') }}\"}\n",
        ),
    ];
    told(2, &files, &["error[seed-reads]", "seeds/s.csv"]);
}

#[test]
fn what_a_failure_holds_up() {
    let model = "{{ config(on_error='carry_on') }} select 1 as id";
    told(
        2,
        &[("models/m.sql", model)],
        &["error[wrong-value]", "known are skip_children, continue"],
    );
}

#[test]
fn functions_and_metrics_that_are_not_there() {
    let model = "select {{ function('add_tx') }}(1), '{{ metric('revenu') }}'";
    let function = "functions:\n- name: add_tax\n  arguments:\n  - {name: a, data_type: int, default_value: 1}\n  \
        - {name: b, data_type: int}\n  returns: {data_type: int}\n  overloads: [{defined_in: add_txt}]\n";
    let files = [
        ("models/m.sql", model),
        ("functions/add_tax.sql", "select a + b"),
        ("functions/add_text.sql", "select a"),
        ("functions/tax.js", "return 1"),
        ("functions/f.yml", function),
    ];
    told(
        2,
        &files,
        &[
            "error[missing-function]: model `m` calls function `add_tx`",
            "did you mean `add_tax`?",
            "error[missing-metric]",
            "error[argument-order]: argument `b`",
            "error[bad-overload]",
            "did you mean `add_text`?",
            "function `tax` is written in JavaScript",
        ],
    );
    let kinds = [
        (
            "functions/f.sql",
            "{{ config(type='window', volatility='often') }} select 1",
        ),
        ("functions/g.sql", "select {{ function('f') }}()"),
    ];
    told(2, &kinds, &["`type: window`", "`volatility: often`"]);
}
