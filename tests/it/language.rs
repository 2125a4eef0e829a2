//! What a template does wrong, and what it must not tell.

use super::support::{Outcome, Project};

fn dbt_project(files: &[(&str, &str)], more: &str) -> Project {
    let mut project = Project::new().write(
        "dbt_project.yml",
        &format!("name: it\nprofile: it\nversion: '1.0'\n{more}"),
    );
    for (path, text) in files {
        project = project.write(path, text);
    }
    project
}

/// `name: status`, in order of name.
fn statuses(project: &Project) -> Vec<String> {
    let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).unwrap();
    let mut all: Vec<String> = results["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let name = result["unique_id"].as_str().unwrap().rsplit('.').next().unwrap();
            format!("{name}: {}", result["status"].as_str().unwrap())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_wrong_call_fails_its_own_node_as_in_dbt() {
    let project = dbt_project(
        &[
            ("macros/two.sql", "{% macro two(a, b) %}{{ a }}{{ b }}{% endmacro %}"),
            ("models/ok.sql", "select 1 as id"),
            ("models/a_method.sql", "{% do adapter.no_such(1) %}select 1 as id"),
            ("models/an_argument.sql", "select {{ two(1, c=2) if execute }} as id"),
            ("models/one_missing.sql", "select {{ two(1) }} as id"),
            (
                "models/a_log.sql",
                "{% if execute %}{{ log() }}{% endif %}select 1 as id",
            ),
            (
                "models/a_relation.sql",
                "{% if execute %}{% set r = adapter.get_relation('x') %}{% endif %}select 1 as id",
            ),
            ("models/a_sum.sql", "select {{ 1 + 'x' if execute }} as id"),
            (
                "models/a_result.sql",
                "{% if execute %}{% call statement('s', fetch_result=true) %}select 7{% endcall %}{% endif %}\
                 select {{ load_result('s')['data'][0][0] if execute }} as id, \
                 {{ (load_result('never') is none) if execute }} as never, {{ load_result('s') if execute }} as again",
            ),
        ],
        "",
    );
    let outcome = project.ends(1, &["run"]);
    assert_eq!(
        statuses(&project),
        [
            "a_log: error",
            "a_method: error",
            "a_relation: error",
            "a_result: error",
            "a_sum: error",
            "an_argument: error",
            "ok: success",
            "one_missing: success",
        ]
    );
    for said in [
        "`adapter.no_such` is not available on PostgreSQL",
        "the macro `two` has no argument `c`",
        "`log` wants a message",
        "`adapter.get_relation` has no `schema`",
        "the result `s` has been loaded before",
    ] {
        assert!(outcome.stderr.contains(said), "{said}\n{}", outcome.stderr);
    }
}

const SECRET: &str = "hidden\"s3cret";

fn keeps_quiet(outcome: &Outcome, mentions: usize) {
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    let stars = outcome.stdout.matches("*****").count() + outcome.stderr.matches("*****").count();
    assert!(stars >= mentions, "{} {}", outcome.stdout, outcome.stderr);
}

#[test]
fn secrets_are_in_nothing_that_is_said_or_written() {
    let project = dbt_project(
        &[
            ("models/m.sql", "select 1 as id"),
            (
                "models/bad.sql",
                "select nothing as id -- {{ log(var('told', ''), info=true) }}{{ print(var('told', '')) }}",
            ),
            (
                "macros/say.sql",
                "{% macro say(what) %}{% do run_query(\"select '\" ~ what ~ \"' || 1 / 0\") %}{% endmacro %}",
            ),
        ],
        "",
    )
    .env("DBT_ENV_SECRET_WORD", SECRET);
    let profile = project
        .read("profiles.yml")
        .replace("password: ''", "password: \"{{ env_var('DBT_ENV_SECRET_WORD') }}\"");
    project.put("profiles.yml", &profile);
    // What dbt puts into no artifact either: the secret itself, which the profile holds.
    project.ends(1, &["--debug", "build"]);
    let mut folders = vec![project.path().join("target")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains("s3cret"), "{}", path.display());
            }
        }
    }
    // What is said, also where somebody passes it on by hand.
    let told = format!("told: '{SECRET}'");
    keeps_quiet(&project.ends(1, &["--debug", "run", "--vars", &told]), 2);
    keeps_quiet(
        &project.ends(1, &["--log-format", "json", "--debug", "run", "--vars", &told]),
        3,
    );
    let arguments = format!("what: '{SECRET}'");
    keeps_quiet(
        &project.ends(1, &["--debug", "run-operation", "say", "--args", &arguments]),
        0,
    );

    project.put(
        "models/reads.sql",
        "select '{{ env_var('DBT_ENV_SECRET_WORD') }}' as id",
    );
    let refused = project.ends(2, &["run"]);
    assert!(refused.stderr.contains("error[secret-env-var]"), "{}", refused.stderr);
    project.put("models/reads.sql", "select '{{ var('v') }}' as id");
    project.put(
        "dbt_project.yml",
        "name: it\nprofile: it\nversion: '1.0'\nvars: {v: \"{{ env_var('DBT_ENV_SECRET_WORD') }}\"}\n",
    );
    let refused = project.ends(2, &["run"]);
    assert!(refused.stderr.contains("error[secret-env-var]"), "{}", refused.stderr);
    keeps_quiet(&refused, 0);
}

#[test]
fn a_label_of_jobs_is_said_to_do_nothing() {
    let more = "query-comment: {comment: 'by {{ target.name }}', job-label: true}\n";
    let macros =
        "{% macro say() %}{% do log(run_query('select current_query()').rows[0][0], info=true) %}{% endmacro %}";
    let project = dbt_project(&[("models/m.sql", "select 1 as id"), ("macros/say.sql", macros)], more);
    let outcome = project.ok(&["run"]);
    assert!(
        outcome.stderr.contains("`job-label` of `query-comment` has no effect"),
        "{}",
        outcome.stderr
    );
    let outcome = project.ok(&["run-operation", "say"]);
    assert!(outcome.stderr.contains("select current_query()"), "{}", outcome.stderr);
}

const DEEP: &str = "{% macro one(x) %}
  {{ lib.two(x) }}
{% endmacro %}
{% macro two(x) %}
  {%- do lib.three(x) -%}
{% endmacro %}
{% macro three(x) %}
  {{ return(lib.four(x)) }}
{% endmacro %}
{% macro four(x) %}
  {% if true %}{{ lib.five(x) }}{% endif %}
{% endmacro %}
{% macro five(x) %}
  {% if x == 'jinja' %}
    {{ 1 + x }}
  {% elif x == 'raised' %}
    {{ exceptions.raise_compiler_error('no ' ~ x) }}
  {% elif execute %}
    {% do run_query('select no_such_column') %}
  {% endif %}
{% endmacro %}
";

#[test]
fn an_error_deep_in_a_package_shows_every_call() {
    let project = dbt_project(
        &[
            ("packages.yml", "packages: [{local: lib}]\n"),
            ("lib/dbt_project.yml", "name: lib\nversion: '1.0'\n"),
            ("lib/macros/deep.sql", DEEP),
            (
                "models/m.sql",
                "select 1 as id,\n  {{ lib.one(var('kind')) if execute }} 2 as two",
            ),
        ],
        "",
    );
    project.ok(&["deps"]);
    let frames = [
        "deep.sql:11:19 in macro four",
        "   11 |   {% if true %}{{ lib.five(x) }}{% endif %}",
        "deep.sql:8:13 in macro three",
        "    8 |   {{ return(lib.four(x)) }}",
        "deep.sql:5:10 in macro two",
        "    5 |   {%- do lib.three(x) -%}",
        "deep.sql:2:6 in macro one",
        "    2 |   {{ lib.two(x) }}",
        "models/m.sql:2:6 in model m",
        "    2 |   {{ lib.one(var('kind')) if execute }} 2 as two",
    ];
    for (kind, first) in [
        (
            "jinja",
            ["error[jinja-type]", "deep.sql:15:10", "   15 |     {{ 1 + x }}"],
        ),
        (
            "raised",
            [
                "error[raised-by-project]",
                "deep.sql:17:8",
                "   17 |     {{ exceptions.raise_compiler_error('no ' ~ x) }}",
            ],
        ),
        (
            "sql",
            [
                "error[database-error]",
                "deep.sql:19:11 in macro five",
                "   19 |     {% do run_query('select no_such_column') %}",
            ],
        ),
    ] {
        let vars = format!("kind: {kind}");
        let outcome = project.ends(1, &["run", "--vars", &vars]);
        let mut rest = outcome.stderr.as_str();
        for wanted in first.iter().chain(&frames) {
            let wanted = wanted.trim_start();
            let Some((_, after)) = rest.split_once(wanted) else {
                panic!("{kind}: no `{wanted}` in order in\n{}", outcome.stderr);
            };
            rest = after;
        }
    }
}

#[test]
fn other_words_of_ref_change_nothing_as_in_dbt() {
    let project = dbt_project(
        &[
            ("models/base.sql", "select 1 as id"),
            ("models/m.sql", "select * from {{ ref('base', kind='x') }}"),
        ],
        "",
    );
    let outcome = project.ok(&["run"]);
    assert_eq!(
        outcome.stderr.matches("`kind` changes nothing").count(),
        1,
        "{}",
        outcome.stderr
    );
    assert_eq!(project.psql("select id from dev.m"), "1");
}
