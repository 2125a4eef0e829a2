//! Materializations, hooks and strategies written in Jinja: they must leave what dbt 1.12 left (recorded by
//! `fixtures/materializations/record.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::support::{Project, Server};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fixtures")
        .join(name)
}

fn fixture(name: &str) -> Project {
    let project = Project::copy_of(&folder(name));
    let database = project.database.name.clone();
    let socket = Server::shared().socket.display().to_string();
    project.env("IT_HOST", &socket).env("IT_DATABASE", &database)
}

fn json(path: &Path) -> Json {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Rows as the record has them: every cell as Python prints it.
fn rows(project: &Project, sql: &str) -> Vec<Json> {
    let found = project.psql(&format!(
        "select coalesce(json_agg(to_json(array(select value from json_each_text(row_to_json(q))))), '[]') from ({sql}) q"
    ));
    serde_json::from_str(&found).expect("JSON")
}

fn sorted(rows: &Json) -> Vec<String> {
    let python = |cell: &Json| match cell.as_str() {
        Some("True") => "true".to_owned(),
        Some("False") => "false".to_owned(),
        _ => cell.as_str().unwrap_or_default().to_owned(),
    };
    let mut rows: Vec<String> = rows
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            row.as_array()
                .expect("a row")
                .iter()
                .map(python)
                .collect::<Vec<_>>()
                .join(" | ")
        })
        .collect();
    rows.sort();
    rows
}

fn statuses(results: &Json) -> BTreeMap<String, String> {
    let results = results["results"].as_array().expect("a list");
    let text = |result: &Json, key: &str| result[key].as_str().unwrap_or_default().to_owned();
    results
        .iter()
        .map(|r| (text(r, "unique_id"), text(r, "status")))
        .collect()
}

/// Takes every step that dbt took and compares what is there after each.
fn follows_dbt(name: &str) {
    let project = fixture(name);
    if folder(name).join("lent").exists() {
        // As `deps` installs it.
        for file in ["dbt_project.yml", "macros/lent.sql"] {
            let text = project.read(&format!("lent/{file}"));
            project.put(&format!("dbt_packages/lent/{file}"), &text);
        }
    }
    let queries = json(&folder(name).join("asked.json"))["queries"].clone();
    for step in json(&folder(name).join("expected.json")).as_array().expect("steps") {
        let words: Vec<&str> = step["step"]
            .as_array()
            .expect("words")
            .iter()
            .filter_map(Json::as_str)
            .collect();
        let outcome = project.run(&words);
        let results: Json = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
        let expected: BTreeMap<String, String> = serde_json::from_value(step["results"].clone()).expect("statuses");
        assert_eq!(
            statuses(&results),
            expected,
            "{words:?}\n{}{}",
            outcome.stdout,
            outcome.stderr
        );
        for (query, sql) in queries.as_object().expect("queries") {
            let expected = sorted(&step["rows"][query]);
            if expected == ["missing"] {
                continue;
            }
            let found = Json::Array(rows(&project, sql.as_str().unwrap_or_default()));
            assert_eq!(sorted(&found), expected, "{query} after {words:?}\n{}", outcome.stderr);
        }
    }
}

#[test]
fn materializations_of_a_project() {
    follows_dbt("materializations");
}

#[test]
fn macros_that_take_the_place_of_dbts_own() {
    follows_dbt("overrides");
}

#[test]
fn an_index_that_somebody_made_on_a_materialized_view_stays() {
    let model = |indexes: &str| {
        format!("{{{{ config(materialized='materialized_view', indexes={indexes}) }}}}\nselect 1 as id, 'a' as word")
    };
    let project = Project::with(&[("models/m.sql", &model("[{'columns': ['id']}]"))]);
    project.ok(&["run"]);
    project.psql("create index by_hand on dev.m (word)");
    project.put("models/m.sql", &model("[{'columns': ['id'], 'unique': true}]"));
    project.ok(&["run"]);
    let found = project.psql(
        "select array_agg(regexp_replace(indexdef, ' INDEX \\S+ ON', '') order by indexdef) from pg_indexes where schemaname = 'dev'",
    );
    assert_eq!(
        found,
        "{\"CREATE dev.m USING btree (word)\",\"CREATE UNIQUE dev.m USING btree (id)\"}"
    );
}
