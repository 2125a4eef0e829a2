//! Warnings that count as errors; the exit statuses are those of dbt 1.12 on the same projects.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use assay::diagnostic::{EVENTS, OWN};

use super::support::Project;

/// A dbt project with a test that warns and a model that is past its date.
fn shop() -> Project {
    Project::new()
        .write("dbt_project.yml", "name: it\nprofile: it\nversion: '1'\n")
        .write("models/a.sql", "select 1 as id union all select null")
        .write("models/b.sql", "select * from {{ ref('a') }}")
        .write(
            "models/s.yml",
            "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests:\n          \
             - not_null: {config: {severity: warn}}\n  - name: b\n    deprecation_date: 2020-01-01\n",
        )
}

#[test]
fn a_warning_of_the_project_stops_the_command() {
    let project = shop();
    assert!(project.ok(&["build"]).stderr.contains("PASS=2 WARN=1 ERROR=0"));
    let refused = project.ends(2, &["--warn-error", "build"]).stderr;
    assert!(refused.contains("error[deprecated-model]"), "{refused}");
    let project = project.env("DBT_WARN_ERROR", "true");
    project.ends(2, &["parse"]);
    project.ok(&["--no-warn-error", "parse"]);
}

#[test]
fn a_test_that_warns_fails_and_what_reads_its_model_is_skipped() {
    let project = shop();
    let failed = project.ends(1, &["build", "--warn-error-options", r#"{"error": ["LogTestResult"]}"#]);
    assert!(failed.stderr.contains("warning[deprecated-model]"), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("PASS=1 WARN=0 ERROR=1 SKIP=1"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("Got 1 result, configured to fail if != 0"));
    let options = "{error: '*', warn: [DeprecatedModel, LogTestResult]}";
    project.ok(&["build", "--warn-error-options", options]);
}

#[test]
fn a_silenced_warning_is_not_said() {
    let project = shop();
    for name in ["DeprecatedModel", "deprecated-model"] {
        let quiet = project.ok(&["parse", "--warn-error-options", &format!("{{silence: [{name}]}}")]);
        assert!(!quiet.stderr.contains("deprecation date"), "{}", quiet.stderr);
    }
}

#[test]
fn selections_that_match_nothing() {
    let project = shop();
    project.ok(&["run", "-s", "zzz"]);
    let options = ["--warn-error-options", "{error: all, warn: [DeprecatedModel]}"];
    let refused = project.ends(2, &["run", "-s", "zzz", options[0], options[1]]).stderr;
    assert!(refused.contains("error[nothing-selected]"), "{refused}");
}

#[test]
fn a_template_that_warns_fails_its_node() {
    let project = Project::new()
        .write("dbt_project.yml", "name: it\nprofile: it\nversion: '1'\n")
        .write(
            "models/m.sql",
            "{% if execute %}{% do exceptions.warn('mind this') %}{% endif %}select 1 as x",
        );
    assert!(project.ok(&["run"]).stderr.contains("mind this"));
    let failed = project.ends(1, &["run", "--warn-error"]).stderr;
    assert!(failed.contains("error[template-warning]: mind this"), "{failed}");
}

#[test]
fn options_that_mean_nothing() {
    let project = shop();
    let refused = project.ends(2, &["parse", "--warn-error-options", "{error: [LogTestResutl]}"]);
    assert!(
        refused.stderr.contains("did you mean `LogTestResult`?"),
        "{}",
        refused.stderr
    );
    let both = ["parse", "--warn-error", "--warn-error-options", "{error: all}"];
    assert!(project.ends(2, &both).stderr.contains("error[bad-option]"));
}

/// The command line counts most, then the environment, then the file.
#[test]
fn flags_of_the_project_file_are_options() {
    let flags = "flags:\n  warn_error: true\n  log_format: json\n  indirect_selection: empty\n";
    let file = format!("name: it\nprofile: it\nversion: '1'\n{flags}");
    let project = shop().write("dbt_project.yml", &file);
    let refused = project.ends(2, &["parse"]).stderr;
    assert!(refused.contains("\"diagnostic\":\"deprecated-model\""), "{refused}");
    let listed = project
        .ok(&["ls", "-s", "a", "--output", "name", "--no-warn-error"])
        .stdout;
    assert_eq!(listed, "a\n");
    let typed = ["ls", "-s", "a", "--output", "name", "--indirect-selection", "eager"];
    let project = project.env("DBT_WARN_ERROR", "0").env("ASSAY_LOG_FORMAT", "text");
    let eager = project.ok(&typed);
    assert_eq!(eager.stdout, "a\nnot_null_a_id\n");
    assert!(eager.stderr.contains("warning[deprecated-model]"), "{}", eager.stderr);
    let project = project.write("dbt_project.yml", "name: it\nprofile: it\nflags: {log_level: loud}\n");
    let refused = project.ends(2, &["parse"]).stderr;
    assert!(
        refused.contains("error[wrong-value]: `flags`") && refused.contains("loud"),
        "{refused}"
    );
}

#[test]
fn the_table_of_events_is_the_one_in_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/events.md")).expect("docs/events.md");
    for (name, codes) in EVENTS {
        let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let row = format!("| `{name}` | {} |", codes.join(", ")).replace("|  |", "| |");
        assert!(page.contains(&row), "docs/events.md lacks the row {row}");
    }
    let rows = regex::Regex::new(r"(?m)^\| `[A-Z][A-Za-z]+` \|.*$").expect("a regular expression");
    assert_eq!(rows.find_iter(&page).count(), EVENTS.len());
    for code in OWN {
        assert!(page.contains(&format!("`{code}`")), "docs/events.md lacks {code}");
    }
}

#[test]
fn every_warning_has_a_name() {
    fn visit(folder: &Path, found: &mut BTreeSet<String>) {
        let made = regex::Regex::new(r#"(?:Diagnostic::warning|self\.warn)\(\s*"([a-z-]+)""#).expect("an expression");
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                visit(&path, found);
            } else {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                found.extend(made.captures_iter(text).map(|one| one[1].to_owned()));
            }
        }
    }
    let mut found = BTreeSet::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 15, "{found:?}");
    let known = |code: &String| {
        let code = code.as_str();
        OWN.contains(&code) || EVENTS.iter().any(|(_, codes)| codes.contains(&code))
    };
    let unknown: Vec<_> = found.iter().filter(|code| !known(code)).collect();
    assert!(unknown.is_empty(), "no name for: {unknown:?}");
}
