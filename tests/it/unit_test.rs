//! Unit tests of models: what passes, what fails and what it holds up, as dbt 1.12 has it.

use super::support::Project;

const SEED: (&str, &str) = (
    "seeds/raw.csv",
    "id,name,amount,day\n1,a,1.50,2020-01-01\n2,b,2.25,2020-01-02\n",
);

const BASE: (&str, &str) = (
    "models/base.sql",
    "select id, name, amount::numeric(10,2) as amount, day::date as day, array[id] as ids, true as ok, 1.5::float8 as f from {{ ref('raw') }}",
);

const UNIT_TESTS: &str = r#"
unit_tests:
  - name: passes
    model: m
    given:
      - {input: ref('eph'), format: sql, rows: "select 1 as id, 5.0 as double union all select 2, 6"}
      - input: ref('base')
        rows:
          - {id: 1, name: a, day: 2020-01-01, ok: true, f: 1.5, ids: [1, 2]}
          - {id: 2, name: b, day: '2020-01-02', ok: false, f: 2}
    overrides: {env_vars: {UNIT_TEST_WORD: hello}, macros: {word: from a macro}}
    expect:
      rows:
        - {id: 2, double: 6, name: b, day: 2020-01-02, ok: false, f: 2, env: hello, called: from a macro}
        - {id: 1, double: 5.0, name: a, day: 2020-01-01, ok: true, f: 1.5, env: hello, called: from a macro}
  - name: incremental_from_nothing
    model: inc
    overrides: {macros: {is_incremental: false}}
    given:
      - {input: ref('base'), rows: [{id: 1, name: x}, {id: 2}]}
    expect: {rows: [{id: 1, name: x}, {id: 2, name: null}]}
  - name: incremental_over_rows
    model: inc
    overrides: {macros: {is_incremental: true}}
    given:
      - {input: ref('base'), rows: [{id: 1, name: x}, {id: 2, name: y}]}
      - {input: this, rows: [{id: 1, name: x}]}
    expect: {rows: [{id: 2, name: y}]}
  - name: rows_of_the_seed
    model: base
    given: [{input: ref('raw')}]
    expect: {format: csv, fixture: expected}
  - name: variable
    model: eph
    overrides: {vars: {rate: 10}}
    given: [{input: ref('base'), rows: [{id: 1, amount: 2}]}]
    expect: {rows: [{id: 1, double: '20.00'}]}
"#;

fn project(unit_tests: &str) -> Project {
    Project::with(&[
        SEED,
        BASE,
        (
            "models/eph.sql",
            "{{ config(materialized='ephemeral') }} select id, amount * {{ var('rate', 2) }}::int as double from {{ ref('base') }}",
        ),
        (
            "macros/word.sql",
            "{% macro word() %}{{ return('real') }}{% endmacro %}",
        ),
        (
            "models/m.sql",
            "select e.id, e.double, b.name, b.day, b.ok, b.f, '{{ env_var('UNIT_TEST_WORD', 'unset') }}' as env, \
             '{{ word() }}' as called from {{ ref('eph') }} e join {{ ref('base') }} b using (id)",
        ),
        (
            "models/inc.sql",
            "{{ config(materialized='incremental', unique_key='id') }} select id, name from {{ ref('base') }} \
             {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
        ),
        ("models/down.sql", "select * from {{ ref('m') }}"),
        ("tests/fixtures/expected.csv", "id,name,amount\n2,b,2.25\n1,a,1.50\n"),
        ("models/tests.yml", unit_tests),
    ])
}

#[test]
fn every_form_passes_where_it_should() {
    let project = project(UNIT_TESTS);
    let outcome = project.ok(&["build"]);
    assert!(outcome.stderr.contains("PASS m::passes"), "{}", outcome.stderr);
    let outcome = project.ok(&["ls", "--select", "test_type:unit", "--output", "name"]);
    let listed: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(
        listed,
        [
            "rows_of_the_seed",
            "variable",
            "incremental_from_nothing",
            "incremental_over_rows",
            "passes"
        ]
    );
    let outcome = project.ok(&["test", "--select", "unit_test:incremental_*"]);
    assert!(outcome.stderr.contains("PASS=2"), "{}", outcome.stderr);
    let outcome = project.ok(&["ls", "--select", "resource_type:unit_test,m"]);
    assert!(outcome.stdout.trim_end().ends_with(".passes"), "{}", outcome.stdout);
}

#[test]
fn a_failure_shows_the_difference_and_holds_up_the_model() {
    let project = project(
        "unit_tests:\n- name: differs\n  model: m\n  given:\n  - {input: ref('eph'), format: sql, rows: \"select 1 as id, 5.00 as double union all select 2, 6\"}\n  \
         - {input: ref('base'), rows: [{id: 1, day: '2020-01-01', ok: true}, {id: 2, day: '2020-01-02', ok: false}]}\n  \
         expect:\n    rows:\n    - {id: 1, double: 5.0, day: '2020-01-01', ok: true}\n    - {id: 2, double: 6, day: '2020-01-03', ok: true}\n    \
         - {id: 3, double: 6, day: '2020-01-03', ok: null}\n",
    );
    let outcome = project.run(&["build"]);
    assert_eq!(outcome.status, Some(1), "{}", outcome.stderr);
    for expected in [
        "FAIL 1 m::differs",
        "actual differs from expected:",
        "@@ ,id,double  ,day                  ,ok",
        "→  ,1 ,5.0→5.00,2020-01-01           ,True",
        "→  ,2 ,6       ,2020-01-03→2020-01-02,True→False",
        "---,3 ,6       ,2020-01-03           ,null",
        "SKIP relation dev.m",
        "SKIP relation dev.down",
    ] {
        assert!(outcome.stderr.contains(expected), "{expected}\n{}", outcome.stderr);
    }
    let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let results = results["results"].as_array().expect("results");
    let test = results
        .iter()
        .find(|result| {
            result["unique_id"]
                .as_str()
                .is_some_and(|id| id.starts_with("unit_test."))
        })
        .expect("the unit test");
    assert_eq!(test["status"], "fail");
    assert_eq!(test["failures"], 1);
}

#[test]
fn what_cannot_be_asked_is_named() {
    let project = project(
        "unit_tests:\n- name: column\n  model: inc\n  overrides: {macros: {is_incremental: false}}\n  \
         given: [{input: ref('base'), rows: [{idd: 1}]}]\n  expect: {rows: []}\n\
         - name: forgotten\n  model: m\n  given: [{input: ref('base'), rows: []}]\n  expect: {rows: []}\n",
    );
    project.ok(&["seed"]);
    // Nothing is built, and the columns of `base` are told all the same.
    let outcome = project.run(&["test"]);
    assert_eq!(outcome.status, Some(1));
    for expected in [
        "error[unknown-column]: `base` has no column `idd`",
        "did you mean `id`?",
        "error[missing-input]: the unit test forgotten gives no rows for ref('eph')",
    ] {
        assert!(outcome.stderr.contains(expected), "{expected}\n{}", outcome.stderr);
    }
    for (text, expected) in [
        (
            "{name: t, model: inc, given: [], expect: {rows: []}}",
            "does not say whether `inc` is incremental",
        ),
        (
            "{name: t, model: inc, overrides: {macros: {is_incremental: true}}, given: [], expect: {rows: []}}",
            "without an input `this`",
        ),
        (
            "{name: t, model: mm, given: [], expect: {rows: []}}",
            "did you mean `m`?",
        ),
        (
            "{name: t, model: m, given: [{input: ref('base')}], expect: {rows: []}}",
            "`base` is no seed, so its rows must be given",
        ),
        (
            "{name: t, model: m, given: [], expect: {format: csv, fixture: expectd}}",
            "did you mean `expected`?",
        ),
        (
            "{name: t, model: m, given: [], versions: {include: [1]}, expect: {rows: []}}",
            "names versions, and `m` has none",
        ),
        (
            "{name: t, model: m, given: [], expect: {rows: x}}",
            "takes a list of mappings",
        ),
    ] {
        project.put("models/tests.yml", &format!("unit_tests: [{text}]\n"));
        let outcome = project.run(&["parse"]);
        assert_eq!(outcome.status, Some(2), "{text}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(expected), "{expected}\n{}", outcome.stderr);
    }
}

#[test]
fn every_version_of_a_model_is_tested() {
    let project = Project::with(&[
        ("models/a.sql", "select 1 as id"),
        ("models/m_v1.sql", "select id from {{ ref('a') }}"),
        ("models/m_v2.sql", "select id * 2 as id from {{ ref('a') }}"),
        (
            "models/n.sql",
            "select x.id as one, y.id as two from {{ ref('m', v=1) }} x, {{ ref('m', v=2) }} y",
        ),
        (
            "models/m.yml",
            "models: [{name: m, latest_version: 2, versions: [{v: 1}, {v: 2}]}]\nunit_tests:\n\
             - {name: both, model: m, given: [{input: ref('a'), rows: [{id: 0}]}], expect: {rows: [{id: 0}]}}\n\
             - {name: second, model: m, versions: {exclude: [1]}, given: [{input: ref('a'), rows: [{id: 3}]}], expect: {rows: [{id: 6}]}}\n\
             - name: reads\n  model: n\n  given:\n  - {input: \"ref('m', v=1)\", rows: [{id: 1}]}\n  - {input: \"ref('m', v=2)\", rows: [{id: 2}]}\n  \
               expect: {rows: [{one: 1, two: 2}]}\n",
        ),
    ]);
    let outcome = project.ok(&["build"]);
    for expected in [
        "PASS m::both_v1",
        "PASS m::both_v2",
        "PASS m::second_v2",
        "PASS n::reads",
    ] {
        assert!(outcome.stderr.contains(expected), "{expected}\n{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("second_v1"), "{}", outcome.stderr);
}
