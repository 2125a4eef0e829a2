//! The log file and the structured events. Where it lies and what its names and codes are was tried with dbt 1.12.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::support::Project;

fn shop() -> Project {
    Project::new()
        .write(
            "dbt_project.yml",
            "name: it\nprofile: it\nclean-targets: [target, logs]\n",
        )
        .write("models/a.sql", "select 1 as id union all select null")
        .write(
            "models/s.yml",
            "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [not_null]\n",
        )
        .write(
            "macros/say.sql",
            "{% macro say() %}{{ print('printed') }}{{ log('shown', true) }}{{ log('hidden hush') }}{% endmacro %}",
        )
}

fn events(text: &str) -> Vec<Json> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in `{line}`")))
        .collect()
}

fn names(events: &[Json]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["info"]["name"].as_str())
        .collect()
}

#[test]
fn a_run_can_be_read_in_the_morning() {
    let project = shop().env("DBT_ENV_SECRET_WORD", "hush");
    let shown = project.ends(1, &["build", "-q"]).stderr;
    assert!(!shown.contains("SQL status"), "{shown}");
    let log = project.read("logs/assay.log");
    for line in [
        "[debug] [MainThread]: Options: quiet=true, invocation_command=assay build -q, which=build",
        "[info ] [MainThread]: Running with assay=",
        "[info ] [Thread-1  ]: 1 of 2 START",
        "[debug] [Thread-1  ]: Begun: model.it.a",
        "[debug] [Thread-1  ]: On model.it.a: begin;",
        "[debug] [Thread-1  ]: SQL status: OK in 0.",
        "[debug] [Thread-1  ]: Ended: model.it.a (success)",
        "[debug] [MainThread]: `assay build` failed after",
    ] {
        assert!(log.contains(line), "no `{line}` in\n{log}");
    }
    let failed = regex::Regex::new(r"\[error\] \[Thread-\d  \]: 2 of 2 FAIL 1 not_null_a_id").expect("an expression");
    assert!(failed.is_match(&log), "{log}");
    assert!(!log.contains('\x1b'), "{log}");

    let said = project.ok(&["run-operation", "say", "-q"]);
    assert_eq!(said.stdout, "printed\n");
    let log = project.read("logs/assay.log");
    let headings = log.lines().filter(|line| line.starts_with(&"=".repeat(30)));
    assert_eq!(headings.count(), 2, "{log}");
    for line in ["[info ] [MainThread]: printed", "shown", "hidden *****"] {
        assert!(log.contains(line), "no `{line}` in\n{log}");
    }
    assert!(!log.contains("hush"), "{log}");
}

#[test]
fn where_it_is_written() {
    let project = shop();
    let has = |path: &str| project.path().join(path).exists();
    // What is typed counts from where one is; what the project says, from the project.
    project.put("below/x", "");
    let root = project.path().to_str().expect("a path").to_owned();
    let below = |arguments: &[&str]| {
        let mut command = project.command(&[arguments, &["--project-dir", &root]].concat());
        let done = command
            .current_dir(project.path().join("below"))
            .output()
            .expect("runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    below(&["parse", "--profiles-dir", &root, "--log-path", "typed/deep"]);
    assert!(has("below/typed/deep/assay.log") && !has("logs"));
    below(&["parse", "--profiles-dir", &root]);
    assert!(has("logs/assay.log") && !has("below/logs"));
    project.put("dbt_project.yml", "name: it\nprofile: it\nlog-path: of_project\n");
    below(&["ls", "--profiles-dir", &root]);
    assert!(has("of_project/assay.log"));
    for (variable, folder) in [("ASSAY_LOG_PATH", "assays"), ("DBT_LOG_PATH", "dbts")] {
        let mut command = project.command(&["ls"]);
        command.env(variable, folder).output().expect("runs");
        assert!(has(&format!("{folder}/assay.log")), "{variable}");
    }
}

#[test]
fn how_much_is_written_and_in_which_form() {
    let log = |arguments: &[&str], flags: &str| {
        let project = shop();
        project.put("dbt_project.yml", &format!("name: it\nprofile: it\nflags: {flags}\n"));
        project.ok(&[arguments, &["run-operation", "say"]].concat());
        fs::read_to_string(project.path().join("logs/assay.log")).ok()
    };
    assert_eq!(log(&["--log-level-file", "none"], "{}"), None);
    assert_eq!(log(&["--log-level", "none"], "{}"), None);
    assert_eq!(log(&[], "{log_level_file: none}"), None);
    let some = |arguments: &[&str]| log(arguments, "{}").expect("a log");
    // The level that is shown is that of the file where nothing is said of the file.
    assert!(!some(&["--log-level", "info"]).contains("[debug]"));
    assert!(some(&["--log-level", "info", "--log-level-file", "debug"]).contains("[debug]"));
    assert!(some(&["--log-level-file", "info", "--debug"]).contains("[debug]"));
    assert!(some(&["--quiet"]).contains("[debug]"));
    let text = some(&["--log-format-file", "text", "--log-level-file", "info"]);
    assert!(
        text.lines()
            .all(|line| line.as_bytes()[2] == b':' && !line.contains('[')),
        "{text}"
    );
    assert!(names(&events(&some(&["--log-format", "json"]))).contains(&"CommandCompleted"));
    let told = some(&["--log-format", "json", "--log-format-file", "debug", "--no-print"]);
    assert!(
        told.contains("[MainThread]: shown") && !told.contains("printed"),
        "{told}"
    );
    assert!(some(&["--use-colors-file"]).contains('\x1b'));
}

#[test]
fn a_full_file_is_moved_aside() {
    let project = shop().env("DBT_LOG_FILE_MAX_BYTES", "300");
    for _ in 0..3 {
        project.ok(&["parse"]);
    }
    let mut files: Vec<String> = fs::read_dir(project.path().join("logs"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().into_string().expect("a name"))
        .collect();
    files.sort();
    let kept = ["", ".1", ".2", ".3", ".4", ".5"].map(|end| format!("assay.log{end}"));
    assert_eq!(files, kept);
    let project = shop();
    for _ in 0..3 {
        project.ok(&["parse", "--log-file-max-bytes", "0"]);
    }
    assert!(!project.path().join("logs/assay.log.1").exists());
}

#[test]
fn commands_at_once_leave_whole_lines() {
    let project = shop().env("DBT_LOG_FORMAT_FILE", "json");
    let running: Vec<_> = (0..4).map(|_| project.spawn(&["compile"])).collect();
    for child in running {
        assert!(child.wait_with_output().expect("ends").status.success());
    }
    let events = events(&project.read("logs/assay.log"));
    let mut ended: BTreeMap<&str, bool> = BTreeMap::new();
    for event in &events {
        let id = event["info"]["invocation_id"].as_str().expect("an id");
        *ended.entry(id).or_default() |= event["info"]["name"] == "CommandCompleted";
    }
    assert_eq!(ended.values().filter(|ended| **ended).count(), 4, "{ended:?}");
}

#[test]
fn a_folder_that_cannot_be_written() {
    let project = shop().write("logs", "a file in its place");
    let told = project.ok(&["parse"]).stderr;
    assert!(told.contains("warning[log-not-written]"), "{told}");
    let told = project.ends(2, &["parse", "--warn-error"]).stderr;
    assert!(told.contains("error[log-not-written]"), "{told}");
    for asked in [["--log-path", "logs/below"], ["--log-level-file", "info"]] {
        let told = project.ends(2, &[&["parse"], &asked[..]].concat()).stderr;
        assert!(told.contains("error[log-not-written]"), "{told}");
    }
    project.ok(&["parse", "--log-level-file", "none", "--warn-error"]);
}

#[test]
fn clean_leaves_no_log() {
    let project = shop();
    project.ok(&["parse"]);
    assert!(project.path().join("logs/assay.log").exists());
    let said = project.ok(&["clean"]).stderr;
    assert!(said.contains("Deleted logs"), "{said}");
    assert!(!project.path().join("logs").exists() && !project.path().join("target").exists());
}

#[test]
fn passwords_stay_out_of_it() {
    let project = shop()
        .env("THE_PASSWORD", "sesame-1")
        .env("DBT_ENV_SECRET_TOKEN", "sesame-2")
        .env("ASSAY_PSEUDONYM_SECRET", "sesame-3");
    let profile = project.read("profiles.yml").replace(
        "password: ''",
        "password: \"{{ env_var('THE_PASSWORD') ~ env_var('DBT_ENV_SECRET_TOKEN') }}\"",
    );
    project.put("profiles.yml", &profile);
    project.put(
        "models/b.sql",
        "{{ config(pre_hook=\"do $$ begin perform 'password=sesame-4'; end $$\") }} select 1 as x",
    );
    let vars = "{DBT_ENV_SECRET_x: sesame-5}";
    project.ends(1, &["build", "--vars", vars]);
    project.ok(&["debug", "--vars", vars, "--log-format-file", "json"]);
    let wrong = profile.replace("port: 5432", "port: 1");
    project.put("profiles.yml", &wrong);
    assert_ne!(project.run(&["build", "--vars", vars]).status, Some(0));
    let log = project.read("logs/assay.log");
    assert!(log.contains("model.it.b") && log.contains("*****"), "{log}");
    assert!(!log.contains("sesame"), "{log}");
}

#[test]
fn variables_of_the_environment_are_told_with_every_event() {
    let project = shop().env("DBT_ENV_CUSTOM_ENV_job", "nightly");
    project.ok(&["parse", "--log-format-file", "json"]);
    for event in events(&project.read("logs/assay.log")) {
        assert_eq!(event["info"]["extra"], serde_json::json!({ "job": "nightly" }));
    }
}

#[test]
fn events_have_the_keys_that_readers_of_dbts_log_look_for() {
    let told = shop()
        .ends(1, &["--log-format", "json", "--log-level", "debug", "build"])
        .stderr;
    let mut by_name: BTreeMap<String, Json> = BTreeMap::new();
    for event in events(&told) {
        let info = [
            "category",
            "code",
            "extra",
            "invocation_id",
            "level",
            "msg",
            "name",
            "pid",
            "thread",
            "ts",
        ];
        assert_eq!(
            event["info"].as_object().expect("info").keys().collect::<Vec<_>>(),
            info
        );
        by_name.insert(event["info"]["name"].as_str().expect("a name").to_owned(), event);
    }
    let expected: [(&str, &str, &[&str]); 12] = [
        ("MainReportVersion", "A001", &["log_version", "version"]),
        ("MainReportArgs", "A002", &["args"]),
        ("ConcurrencyLine", "Q027", &["node_count", "num_threads", "target_name"]),
        ("LogStartLine", "Q011", &["description", "index", "node_info", "total"]),
        ("NodeStart", "Q024", &["node_info"]),
        ("SQLQuery", "E016", &["conn_name", "sql"]),
        ("SQLQueryStatus", "E017", &["elapsed", "status"]),
        ("NodeFinished", "Q025", &["node_info", "run_result"]),
        (
            "LogModelResult",
            "Q012",
            &["description", "execution_time", "index", "node_info", "status", "total"],
        ),
        (
            "LogTestResult",
            "Q007",
            &[
                "attached_node",
                "execution_time",
                "index",
                "name",
                "node_info",
                "num_failures",
                "num_models",
                "status",
            ],
        ),
        (
            "EndOfRunSummary",
            "Z030",
            &[
                "keyboard_interrupt",
                "num_errors",
                "num_partial_success",
                "num_warnings",
            ],
        ),
        (
            "CommandCompleted",
            "Q039",
            &["command", "completed_at", "elapsed", "success"],
        ),
    ];
    for (name, code, keys) in expected {
        let event = &by_name[name];
        assert_eq!(event["info"]["code"], code);
        for key in keys {
            assert!(event["data"].get(key).is_some(), "{name} has no {key}: {event}");
        }
    }
    let result = &by_name["NodeFinished"]["data"]["run_result"];
    let keys: Vec<&String> = result.as_object().expect("a result").keys().collect();
    let dbt = [
        "adapter_response",
        "execution_time",
        "message",
        "num_failures",
        "status",
        "thread",
        "timing_info",
    ];
    assert_eq!(keys, dbt);
    assert_eq!(
        (&result["status"], &result["num_failures"]),
        (&"fail".into(), &1.into())
    );
    assert_eq!(by_name["CommandCompleted"]["data"]["success"], false);
}

#[test]
fn every_event_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/events.md")).expect("docs/events.md");
    let listed = regex::Regex::new(r"(?m)^\| `([A-Z]\d{3})` \| `(\w+)` \|").expect("an expression");
    let listed: BTreeSet<String> = listed.captures_iter(&page).map(|row| row[1].to_owned()).collect();
    let code = regex::Regex::new(r#""([A-Z]\d{3})""#).expect("an expression");
    let pair = regex::Regex::new(r#""([A-Z]\d{3})",\s*"([A-Z]\w+)""#).expect("an expression");
    let mut used = BTreeSet::new();
    for entry in fs::read_dir(root.join("src/report")).expect("a folder").flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        used.extend(code.captures_iter(text).map(|found| found[1].to_owned()));
        for found in pair.captures_iter(text) {
            let row = format!("| `{}` | `{}` |", &found[1], &found[2]);
            assert!(page.contains(&row), "docs/events.md lacks {row}");
        }
    }
    assert_eq!(listed, used);
}
