//! Options and variables of the environment; the expectations are what dbt 1.12 does with the same.

use serde_json::Value as Json;

use super::support::Project;

fn shop() -> Project {
    Project::with(&[
        ("seeds/raw.csv", "id,name\n1,a\n2,b\n"),
        (
            "models/m.sql",
            "{{ config(materialized='incremental') }} select {{ 1 if is_incremental() else 2 }} as x",
        ),
        ("models/other.sql", "select 1 as y"),
        (
            "macros/says.sql",
            "{% macro says() %}{% do print('said') %}{% endmacro %}",
        ),
    ])
}

#[test]
fn variables_of_the_environment_are_options() {
    let project = shop().env("DBT_TARGET_PATH", "out").env("DBT_FULL_REFRESH", "true");
    project.ok(&["run", "-s", "m"]);
    project.ok(&["run", "-s", "m"]);
    assert_eq!(project.psql("select string_agg(x::text, ',') from dev.m"), "2");
    let results: Json = serde_json::from_str(&project.read("out/run_results.json")).expect("JSON");
    assert_eq!(results["args"]["full_refresh"], true);
    let project = project.env("DBT_RESOURCE_TYPES", "seed test");
    let listed = project.ok(&["ls", "--output", "name"]).stdout;
    assert_eq!(listed, "raw\n");
    // A variable is meant for the commands that know its option.
    let project = project.env("DBT_SAMPLE", "sometime");
    project.ok(&["ls"]);
    let refused = project.ends(2, &["run"]);
    assert!(refused.stderr.contains("--sample"), "{}", refused.stderr);
}

#[test]
fn options_that_decide_nothing_are_taken_and_the_others_are_not_swallowed() {
    let project = shop();
    let silent = [
        "--no-partial-parse",
        "--static-parser",
        "--populate-cache",
        "--cache-selected-only",
        "--partial-parse-file-path",
        "x",
        "--no-debug",
        "--no-fail-fast",
        "--no-send-anonymous-usage-stats",
        "--version-check",
        "ls",
    ];
    assert_eq!(project.ok(&silent).stderr, project.ok(&["ls"]).stderr);
    for named in [
        "--log-cache-events",
        "--macro-debugging",
        "--no-hints-enabled",
        "--no-show-all-deprecations",
        "--send-anonymous-usage-stats",
        "--snowflake-projects-otel",
    ] {
        let told = project.ok(&["ls", named]).stderr;
        assert!(
            told.contains(&format!("warning[no-effect]: `{named}` has no effect")),
            "{told}"
        );
        project.ends(2, &["ls", named, "--warn-error"]);
        project.ok(&[
            "ls",
            named,
            "--warn-error-options",
            "{error: all, silence: [no-effect]}",
        ]);
    }
    let told = project.ok(&["ls", "--sqlparse", "{MAX_GROUPING_DEPTH: 1}"]).stderr;
    assert!(told.contains("warning[no-effect]: `--sqlparse`"), "{told}");
    let outcome = project.ends(2, &["compile", "--no-introspect"]);
    assert!(outcome.stderr.contains("--no-introspect"), "{}", outcome.stderr);
}

#[test]
fn lines_are_as_wide_and_as_colourful_as_was_asked_for() {
    let project = shop();
    let line = |arguments: &[&str]| {
        let told = project.ok(&[&["run", "-s", "other"], arguments].concat()).stderr;
        let line = told.lines().find(|line| line.contains("START")).expect("a start");
        line.replacen("[time]  ", "", 1)
    };
    let start = "1 of 1 START sql view model dev.other ";
    for (width, arguments) in [
        (80, &[][..]),
        (60, &["--printer-width", "60"][..]),
        (120, &["--printer-width", "120"][..]),
    ] {
        assert_eq!(line(arguments), format!("{start:.<width$} [RUN]"));
    }
    project.put("dbt_project.yml", "name: it\nprofile: it\nflags: {printer_width: 50}\n");
    std::fs::remove_file(project.path().join("project.yml")).expect("removed");
    assert_eq!(line(&[]), format!("{start:.<50} [RUN]"));
    // The tests' own NO_COLOR is what the option is stronger than.
    assert!(line(&["--use-colors"]).contains('\x1b'));
    assert!(!line(&["--use-colors", "--no-use-colors"]).contains('\x1b'));
}

#[test]
fn versions_are_listed_by_their_number() {
    let project = shop();
    project.put("models/prices_v1.sql", "select 1 as x");
    project.put("models/prices_v2.sql", "select 2 as x");
    project.put(
        "models/prices.yml",
        "models: [{name: prices, latest_version: 2, versions: [{v: 1}, {v: 2}]}]\n",
    );
    let listed = project.ok(&["ls", "--output", "name", "-s", "prices"]).stdout;
    assert_eq!(listed, "prices.v1\nprices.v2\n");
}

#[test]
fn a_delimiter_that_separates_nothing_fails_its_seed() {
    let project = shop();
    project.put("seeds/good.csv", "a,b\n1,2\n");
    let file = "name: it\nprofile: it\nseeds: {it: {raw: {+delimiter: ''}}}\n";
    project.put("project.yml", file);
    project.ends(2, &["seed"]);
    std::fs::remove_file(project.path().join("project.yml")).expect("removed");
    project.put("dbt_project.yml", file);
    let told = project.ends(1, &["seed"]).stderr;
    assert!(
        told.contains("error[seed-delimiter]") && told.contains("PASS=1 WARN=0 ERROR=1"),
        "{told}"
    );
}

#[test]
fn nothing_goes_over_none() {
    let project = shop();
    project.put(
        "models/loop.sql",
        "{% for x in config.get('parts') %}{% endfor %} select 1 as x",
    );
    project.put(
        "models/undefined.sql",
        "{% for x in nowhere %}{% endfor %} select 1 as x",
    );
    project.ok(&["parse"]);
    project.put("models/bad.sql", "{% for x in none %}{{ x }}{% endfor %} select 1 as x");
    let told = project.ends(2, &["parse"]).stderr;
    assert!(
        told.contains("none is not iterable") && told.contains("models/bad.sql:1"),
        "{told}"
    );
}

#[test]
fn artifacts_and_prints_can_be_left_out() {
    let project = shop();
    project.ok(&["run", "--no-write-json", "--single-threaded"]);
    assert!(!project.path().join("target/run_results.json").exists());
    assert!(!project.path().join("target/manifest.json").exists());
    assert_eq!(project.ok(&["run-operation", "says"]).stdout, "said\n");
    assert_eq!(project.ok(&["run-operation", "says", "--no-print"]).stdout, "");
}

#[test]
fn types_of_resources_may_be_one_word() {
    let project = shop();
    let listed = project.ok(&["ls", "--output", "name", "--resource-types", "seed model"]);
    assert_eq!(listed.stdout, "m\nother\nraw\n");
}

#[test]
fn compiled_sql_as_json() {
    let project = shop();
    let one = project.ok(&["compile", "-s", "other", "--output", "json"]).stdout;
    let one: Json = serde_json::from_str(&one).expect("JSON");
    assert_eq!(one, serde_json::json!({ "node": "other", "compiled": "select 1 as y" }));
    let inline = [
        "compile",
        "--inline",
        "select * from {{ ref('other') }}",
        "--output",
        "json",
    ];
    let inline: Json = serde_json::from_str(&project.ok(&inline).stdout).expect("JSON");
    let database = project.psql("select current_database()");
    let sql = format!("select * from \"{database}\".\"dev\".\"other\"");
    assert_eq!(inline, serde_json::json!({ "compiled": sql }));
}

#[test]
fn sql_is_shown_as_it_is() {
    let project = shop();
    let shown = project.ok(&["show", "--inline-direct", "select '{{ x }}' as t", "--output", "json"]);
    assert!(shown.stdout.contains("{{ x }}"), "{}", shown.stdout);
    project.ends(2, &["show", "--inline-direct", "select 1", "--inline", "select 1"]);
}

#[test]
fn the_connection_of_a_broken_project_can_be_checked() {
    let project = shop();
    project.put("models/broken.sql", "select * from {{ ref('nothing') }}");
    project.ends(1, &["debug"]);
    let outcome = project.ok(&["debug", "--connection"]);
    assert!(outcome.stdout.contains("All checks passed"), "{}", outcome.stdout);
    let folder = project.ok(&["debug", "--config-dir", "--profiles-dir", "/somewhere"]);
    assert_eq!(folder.stdout, "/somewhere\n");
}

#[test]
fn variables_have_a_file_of_their_own() {
    let project = shop();
    project.put("vars.yml", "vars:\n  shown: 7\n  it: {own: 8}\n");
    project.put(
        "models/v.sql",
        "select {{ var('shown') }} as a, {{ var('own') }} as b, {{ var('more', 9) }} as c",
    );
    let compiled = |more: &[&str]| {
        let arguments = [&["compile", "-s", "v"], more].concat();
        project.ok(&arguments).stdout
    };
    assert_eq!(compiled(&[]), "select 7 as a, 8 as b, 9 as c\n");
    assert_eq!(compiled(&["--vars", "{shown: 1}"]), "select 1 as a, 8 as b, 9 as c\n");
    let file = project.read("project.yml");
    project.put("project.yml", &format!("{file}\nvars: {{shown: 1}}\n"));
    let refused = project.ends(2, &["compile"]);
    assert!(refused.stderr.contains("error[two-vars]"), "{}", refused.stderr);
}

#[test]
fn columns_of_a_relation_are_what_the_projects_macro_says() {
    let project = shop();
    project.put(
        "macros/columns.sql",
        "{% macro get_columns_in_relation(relation) %}{{ return('a string') }}{% endmacro %}",
    );
    project.put(
        "models/asks.sql",
        "{% set found = adapter.get_columns_in_relation(this) %} select '{{ found if execute else 0 }}' as found",
    );
    for _ in 0..2 {
        project.ok(&["run", "-s", "asks"]);
    }
    assert_eq!(project.psql("select found from dev.asks"), "a string");
}

#[test]
fn tests_are_given_quoted_names() {
    let project = shop();
    project.put("models/quoted.sql", "select 1 as \"Id\", 2 as plain");
    project.put(
        "models/quoted.yml",
        "models: [{name: quoted, quote_columns: true, columns: [
           {name: Id, data_tests: [not_null]}, {name: PLAIN, quote: false, data_tests: [not_null]}]}]",
    );
    project.ok(&["build", "-s", "quoted"]);
}

#[test]
fn endings_of_files_may_be_in_capitals() {
    let project = shop();
    project.put("models/UPPER.SQL", "select 1 as x");
    project.ok(&["run", "-s", "UPPER"]);
    assert_eq!(project.psql("select x from dev.\"UPPER\""), "1");
}

#[test]
fn a_header_of_sql_runs_before_what_is_shown() {
    let project = shop();
    project.put(
        "models/header.sql",
        "{% call set_sql_header(config) %}set session time zone '{{ var('zone', 'Europe/Paris') }}';{% endcall %}
         select current_setting('timezone') as zone",
    );
    let shown = project.ok(&["show", "-s", "header", "--vars", "zone: Asia/Kolkata"]);
    assert!(shown.stdout.contains("Asia/Kolkata"), "{}", shown.stdout);
}
