//! Other runs: what `state:` selects against what dbt selects, on record, and `--defer`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::support::Project;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/state")
}

fn edit(project: &Path, edit: &Json) {
    let path = project.join(edit["file"].as_str().expect("a file"));
    if edit["delete"] == true {
        fs::remove_file(&path).expect("own file");
        return;
    }
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let text = if let Some(text) = edit["write"].as_str() {
        let times = edit["times"].as_u64().unwrap_or(1);
        text.repeat(usize::try_from(times).expect("a number"))
    } else {
        let text = fs::read_to_string(&path).expect("a file");
        let old = edit["old"].as_str().expect("text");
        assert!(text.contains(old), "{edit}");
        text.replace(old, edit["new"].as_str().expect("text"))
    };
    fs::write(path, text).expect("written");
}

/// What `assay ls` selects in a folder: sorted ids, or how it ended.
fn listed(project: &Project, folder: &str, state: &str, selectors: &[String], case: &Json) -> Json {
    let mut typed = vec![
        "--quiet",
        "ls",
        "--resource-type",
        "all",
        "--output",
        "json",
        "--output-keys",
    ];
    typed.extend(["unique_id", "--project-dir", folder, "--profiles-dir", folder]);
    typed.extend(["--state", state, "--select"]);
    typed.extend(selectors.iter().map(String::as_str));
    typed.extend(
        case["options"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str),
    );
    let mut command = project.command(&typed);
    for (key, value) in case["env"].as_object().into_iter().flatten() {
        command.env(key, value.as_str().expect("text"));
    }
    let output = command.output().expect("assay runs");
    if !output.status.success() {
        return output.status.code().into();
    }
    let mut ids: Vec<Json> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).expect("JSON")["unique_id"].take())
        .collect();
    ids.sort_by_key(Json::to_string);
    ids.into()
}

/// Every fourth change of the table, beginning with one of them, selects what dbt 1.12 selects: against a state that we
/// wrote, and one that dbt wrote.
fn follow(first: usize) {
    let cases: Json = serde_json::from_slice(&fs::read(fixture().join("cases.json")).expect("cases")).expect("JSON");
    let project = Project::new();
    let root = project.path();
    let at = |name: &str| root.join(name).to_str().expect("a path").to_owned();
    project.lay_over(&fixture().join("project"), "before");
    project.ok(&["parse", "--project-dir", &at("before"), "--profiles-dir", &at("before")]);
    fs::create_dir_all(root.join("theirs")).expect("a folder");
    fs::copy(fixture().join("manifest.json"), root.join("theirs/manifest.json")).expect("a file");
    let mut wrong = Vec::new();
    let cases = cases.as_array().expect("a list").iter().enumerate();
    for (number, case) in cases.filter(|(number, _)| number % 4 == first) {
        let name = format!("case_{number}");
        project.lay_over(&fixture().join("project"), &name);
        let folder = at(&name);
        for change in case["edits"].as_array().expect("a list") {
            edit(Path::new(&folder), change);
        }
        let state = at(["before/target", "theirs"][number / 4 % 2]);
        let mut check = |selectors: &[String], wanted: &Json| {
            let mut wanted = wanted.clone();
            if let (Json::Array(ids), Some(but)) = (&mut wanted, case["but"].as_array()) {
                ids.retain(|id| !but.contains(id));
            }
            let found = listed(&project, &folder, &state, selectors, case);
            if found != wanted {
                let name = &case["name"];
                wrong.push(format!("{name}: {}: {found}, dbt {wanted}", selectors.join(" ")));
            }
        };
        // What selects nothing is asked for in one go.
        let answers = case["dbt"].as_object().expect("what dbt selects");
        let (none, some): (Vec<_>, Vec<_>) = answers
            .iter()
            .partition(|(_, wanted)| wanted.as_array().is_some_and(Vec::is_empty));
        let selector = |(value, _): &(&String, &Json)| format!("state:{value}");
        if number / 4 % 2 == 0 {
            check(&none.iter().map(selector).collect::<Vec<_>>(), &Json::Array(Vec::new()));
        }
        for one in some {
            check(&[selector(&one)], one.1);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_change_selects_what_dbt_selects_1() {
    follow(0);
}

#[test]
fn a_change_selects_what_dbt_selects_2() {
    follow(1);
}

#[test]
fn a_change_selects_what_dbt_selects_3() {
    follow(2);
}

#[test]
fn a_change_selects_what_dbt_selects_4() {
    follow(3);
}

const CHAIN: [(&str, &str); 5] = [
    ("seeds/raw.csv", "id\n1\n"),
    ("models/a.sql", "select id from {{ ref('raw') }}"),
    (
        "models/e.sql",
        "{{ config(materialized='ephemeral') }} select id from {{ ref('a') }}",
    ),
    (
        "models/b.sql",
        "{{ config(materialized='table') }} select id from {{ ref('e') }}",
    ),
    ("models/c.sql", "select id from {{ ref('b') }}"),
];

/// A project built in the schema `prod`, its artifacts in `prod/`, and then pointed at the schema `dev`.
fn built_elsewhere() -> Project {
    let project = Project::with(&CHAIN);
    let profile = project.read("profiles.yml");
    project.put("profiles.yml", &profile.replace("schema: dev", "schema: prod"));
    project.ok(&["build"]);
    fs::rename(project.path().join("target"), project.path().join("prod")).expect("moved");
    project.put("profiles.yml", &profile);
    project
}

#[test]
fn what_is_not_built_here_is_read_where_it_was_built() {
    let project = built_elsewhere();
    let compiled = || project.read("target/compiled/it/models/b.sql");
    project.ok(&["run", "-s", "b", "--defer", "--state", "prod"]);
    assert!(compiled().contains("\"prod\".\"a\""), "{}", compiled());
    // What this run builds, or an earlier one, is read here.
    project.ok(&["run", "-s", "+b", "--exclude", "raw", "--defer", "--state", "prod"]);
    assert!(compiled().contains("\"dev\".\"a\""), "{}", compiled());
    project.ok(&["run", "-s", "b", "--defer", "--state", "prod"]);
    assert!(compiled().contains("\"dev\".\"a\""), "{}", compiled());
    project.ok(&["run", "-s", "b", "--defer", "--favor-state", "--defer-state", "prod"]);
    assert!(compiled().contains("\"prod\".\"a\""), "{}", compiled());
    project.ok(&["run", "-s", "b", "--defer", "--no-defer", "--state", "prod"]);
    assert!(compiled().contains("\"dev\".\"a\""), "{}", compiled());
    assert_eq!(project.psql("select count(*) from dev.b"), "1");
    // A template is told of where the other run has the node itself.
    project.put("models/b.sql", "select '{{ defer_relation }}' as other, 1 as id");
    for (more, other) in [(&["--defer", "--state", "prod"][..], ".\"prod\".\"b\""), (&[], "None")] {
        project.ok(&[&["run", "-s", "b"], more].concat());
        let found = project.psql("select other from dev.b");
        assert!(found.ends_with(other), "{found}");
    }
}

#[test]
fn a_published_view_reads_no_other_run() {
    let project = Project::with(&[
        (
            "models/a.sql",
            "{{ config(access='public', materialized='table') }} select 1 as id",
        ),
        (
            "models/v.sql",
            "{{ config(access='public', materialized='view') }} select id from {{ ref('a') }}",
        ),
        (
            "models/t.sql",
            "{{ config(access='public', materialized='table') }} select id from {{ ref('a') }}",
        ),
    ]);
    project.put(
        "project.yml",
        "name: it\nprofile: it\ngate: {schema: shown, readers: []}\n",
    );
    project.ok(&["build"]);
    fs::rename(project.path().join("target"), project.path().join("prod")).expect("moved");
    project.psql("drop schema shown cascade");
    project.psql("drop schema assay cascade");
    let manifest = project
        .read("prod/manifest.json")
        .replace("\"schema\":\"shown\"", "\"schema\":\"elsewhere\"");
    project.put("prod/manifest.json", &manifest);
    project.psql("create schema elsewhere");
    project.psql("create table elsewhere.a as select 7 as id");
    let refused = project.ends(2, &["run", "-s", "v", "--defer", "--state", "prod"]);
    assert!(refused.stderr.contains("error[deferred-view]"), "{}", refused.stderr);
    project.ok(&["run", "-s", "t", "--defer", "--state", "prod"]);
    assert_eq!(project.psql("select id from shown.t"), "7");
}

#[test]
fn what_is_missing_is_told() {
    let project = Project::with(&CHAIN);
    for (typed, told) in [
        (&["ls", "-s", "state:modified"][..], "give one: --state DIR"),
        (
            &["ls", "-s", "state:modified", "--state", "nowhere"],
            "there is no folder nowhere",
        ),
        (&["run", "--defer"], "neither --state nor --defer-state is given"),
        (
            &["ls", "-s", "result:error", "--state", "models"],
            "there is no run_results.json in models",
        ),
        (&["parse", "--defer"], "error[bad-option]"),
    ] {
        let outcome = project.ends(2, typed);
        assert!(outcome.stderr.contains(told), "{told} in {}", outcome.stderr);
    }
    project.ok(&["build"]);
    let project = project.env("DBT_STATE", "target");
    let same = project.ok(&["ls", "-s", "state:modified"]);
    assert!(same.stderr.contains("warning[state-is-target]"), "{}", same.stderr);
    assert_eq!(same.stdout, "");
    let passed = project.ok(&["--quiet", "ls", "--output", "name", "-s", "result:success"]);
    assert_eq!(passed.stdout, "a\nb\nc\nraw\n");
}

/// Ids and statuses of the newest results.
fn results(project: &Project) -> Vec<(String, String)> {
    let results: Json = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let list = results["results"].as_array().expect("a list").iter();
    let text = |value: &Json| value.as_str().expect("text").to_owned();
    list.map(|one| (text(&one["unique_id"]), text(&one["status"])))
        .collect()
}

#[test]
fn what_failed_is_tried_again_with_the_options_of_its_run() {
    let project = Project::with(&[
        ("models/good.sql", "select 1 as id"),
        (
            "models/bad.sql",
            "{{ config(materialized='table') }} select {{ var('x') }} as id",
        ),
        (
            "models/below.sql",
            "select id, '{{ flags.FULL_REFRESH }}' as fresh from {{ ref('bad') }}",
        ),
    ]);
    let none = project.ends(2, &["retry"]);
    assert!(none.stderr.contains("error[no-state]"), "{}", none.stderr);
    project.ends(1, &["run", "--full-refresh", "--vars", "{x: 1/0}"]);
    project.ends(1, &["retry"]);
    let failed = |id: &str, status: &str| (format!("model.it.{id}"), status.to_owned());
    assert_eq!(results(&project), [failed("bad", "error"), failed("below", "skipped")]);
    let refused = project.ends(2, &["retry", "--target", "dev"]);
    assert!(refused.stderr.contains("error[bad-option]"), "{}", refused.stderr);
    project.ok(&["retry", "--vars", "{x: 2}"]);
    assert_eq!(
        results(&project),
        [failed("bad", "success"), failed("below", "success")]
    );
    assert_eq!(project.psql("select id || fresh from dev.below"), "2True");
    // Nothing failed: nothing is done, and that is no failure.
    let nothing = project.ok(&["retry"]);
    assert!(nothing.stderr.contains("Nothing to do"), "{}", nothing.stderr);
    assert_eq!(results(&project), []);
}

#[test]
fn only_the_batches_that_failed_are_tried_again() {
    let project = Project::with(&[(
        "models/m.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='id', event_time='at',
                   begin='2025-01-01', batch_size='day') }}
         select 1 / (id - 1) + id as id, at, txid_current() as made from {{ ref('raw') }}",
    )]);
    project.put(
        "models/raw.sql",
        "{{ config(event_time='at') }} select id, at from public.raw",
    );
    project.psql("create table public.raw (id int, at timestamp)");
    project.psql("insert into public.raw values (5, '2025-01-01'), (1, '2025-01-02'), (7, '2025-01-03')");
    let span = ["--event-time-start", "2025-01-01", "--event-time-end", "2025-01-04"];
    project.ends(1, &[&["run"], &span[..]].concat());
    let partial = ("model.it.m".to_owned(), "partial success".to_owned());
    assert!(results(&project).contains(&partial), "{:?}", results(&project));
    let before = project.psql("select string_agg(made::text, ',' order by at) from dev.m");
    project.psql("update public.raw set id = 3 where id = 1");
    project.ok(&["retry"]);
    assert_eq!(project.psql("select count(*) from dev.m"), "3");
    let kept = "select string_agg(made::text, ',' order by at) from dev.m where at::date <> '2025-01-02'";
    assert_eq!(project.psql(kept), before);
    let written: Json = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let batches = &written["results"][0]["batch_results"];
    assert_eq!(batches["successful"].as_array().map(Vec::len), Some(3), "{batches}");
}

#[test]
fn a_clone_is_a_view_on_what_another_run_built() {
    let project = built_elsewhere();
    project.ok(&["run", "-s", "a", "--defer", "--state", "prod"]);
    project.ok(&["clone", "--state", "prod"]);
    let kinds = "select string_agg(relname || ' ' || relkind::text, ', ' order by relname) from pg_class c
                 join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'dev'";
    assert_eq!(project.psql(kinds), "a v, b v, c v, raw v");
    assert!(
        project
            .psql("select pg_get_viewdef('dev.b'::regclass)")
            .contains("FROM prod.b")
    );
    // What was there stays.
    assert!(
        project
            .psql("select pg_get_viewdef('dev.a'::regclass)")
            .contains("FROM prod.raw")
    );
    let success = |id: &str| (id.to_owned(), "success".to_owned());
    let mut found = results(&project);
    found.sort();
    let ids = ["model.it.a", "model.it.b", "model.it.c", "seed.it.raw"];
    assert_eq!(found, ids.map(success));
    let manifest: Json = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    assert_eq!(manifest["nodes"]["model.it.b"]["config"]["materialized"], "table");
    project.ok(&["clone", "--full-refresh", "-s", "a", "--state", "prod"]);
    assert!(
        project
            .psql("select pg_get_viewdef('dev.a'::regclass)")
            .contains("FROM prod.a")
    );
    // The other run's own relations stay as they are.
    let profile = project.read("profiles.yml");
    project.put("profiles.yml", &profile.replace("schema: dev", "schema: prod"));
    project.ok(&["clone", "--full-refresh", "--state", "prod"]);
    assert_eq!(
        project.psql("select relkind from pg_class where oid = 'prod.b'::regclass"),
        "r"
    );
}
