//! Assay on every fixture of `tests/parity/projects` against what dbt left there, on record (`tests/parity/run.py record`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use super::artifacts::wrong_in;
use super::support::{Project, Server};

macro_rules! fixtures {
    ($($name:ident),* $(,)?) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            follow(stringify!($name));
        })*
    };
}

fixtures!(
    contract_kinds,
    contracts,
    cross_database,
    custom_materialization,
    custom_strategy,
    deferral,
    described,
    dispatching,
    docs_blocks,
    ephemeral_chain,
    functions,
    grants,
    groups_access,
    hooks,
    incremental,
    incremental_matrix,
    materializations,
    materialized_views,
    microbatch,
    microbatch_retry,
    model_rules,
    other_runs,
    overrides,
    persisted,
    sample,
    schema_change,
    seeds,
    selectors,
    snapshots,
    snapshots_matrix,
    source_freshness,
    sources,
    state_by_value,
    test_configs,
    unit_test_prints,
    unit_tests,
    versions,
);

/// Keys of manifest nodes that hold a clock, a machine or text that dbt alone has; as in `picture.py`.
const FLEETING: [&str; 8] = [
    "created_at",
    "build_path",
    "root_path",
    "compiled_path",
    "compiled",
    "compiled_code",
    "extra_ctes",
    "extra_ctes_injected",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity")
}

fn read(path: &Path) -> Json {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_fixture_is_listed_and_every_pending_one_exists() {
    let found: BTreeSet<String> = fs::read_dir(folder().join("projects"))
        .expect("the fixtures")
        .flatten()
        .filter(|entry| entry.path().join("parity.json").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> = LISTED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(listed, found);
    let pending = read(&folder().join("pending.json"));
    for (name, reason) in pending.as_object().expect("a mapping") {
        assert!(found.contains(name), "pending.json names {name}, which is no fixture");
        assert!(reason.as_str().is_some_and(|r| !r.is_empty()), "{name}: no reason");
    }
}

/// Runs a fixture and compares; a pending one must still differ.
fn follow(name: &str) {
    let fixture = folder().join("projects").join(name);
    let wanted = read(&fixture.join("expected.json"));
    let found = run(&fixture, name);
    let mut lines = Vec::new();
    differences(&wanted, &found, "", &mut lines);
    match read(&folder().join("pending.json")).get(name) {
        None => assert!(lines.is_empty(), "{name} differs from dbt:\n{}", lines.join("\n")),
        Some(reason) => assert!(
            !lines.is_empty(),
            "{name} is the same as dbt's now: take it off tests/parity/pending.json ({reason})"
        ),
    }
}

fn run(fixture: &Path, name: &str) -> Json {
    let plan = read(&fixture.join("parity.json"));
    let database = format!("parity_{name}_record");
    let server = Server::shared();
    server.psql("postgres", "postgres", &format!("create database {database}"));
    let mut project = Project::copy_of(fixture);
    project.put(
        "profiles.yml",
        &format!(
            "parity:\n  target: dev\n  outputs:\n{}{}",
            output(server, &database, "dev", "parity"),
            output(server, &database, "prod", "prod")
        ),
    );
    for role in strings(&plan["roles"]) {
        server.psql(
            "postgres",
            "postgres",
            &format!(
                "do $$ begin create role {role}; exception when duplicate_object or unique_violation then null; end $$"
            ),
        );
    }
    if let Some(sql) = plan["before"].as_str() {
        server.psql(&database, "postgres", sql);
    }
    for (key, value) in plan["env"].as_object().into_iter().flatten() {
        project = project.env(key, value.as_str().expect("text"));
    }
    let mut before = json!({"schemas": [], "relations": {}, "functions": {}});
    let mut kept = Vec::new();
    for step in plan["steps"].as_array().expect("steps") {
        if let Some(sql) = step["sql"].as_str() {
            server.psql(&database, "postgres", sql);
            continue;
        }
        if let Some(files) = step["files"].as_str() {
            project.lay_over(&project.path().join(files), "");
            continue;
        }
        if let Some(folder) = step["keep"].as_str() {
            project.lay_over(&project.path().join("target"), folder);
            continue;
        }
        let words = step.as_str().or(step["run"].as_str()).expect("a command");
        let [results, sources] = ["run_results.json", "sources.json"].map(|n| project.path().join("target").join(n));
        let [old_results, old_sources] = [&results, &sources].map(|path| fs::read(path).ok());
        let mut arguments = split(words);
        let lists = arguments[0] == "ls";
        if lists {
            arguments.push("--quiet".to_owned());
        }
        let mut command = project.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        command.env("TZ", "UTC");
        for (key, value) in step["as"].as_object().into_iter().flatten() {
            command.env(key, value.as_str().expect("text"));
        }
        let output = command.output().expect("assay runs");
        let after = if step["look"] == json!(false) {
            before.clone()
        } else {
            picture(&database, &strings(&plan["volatile"]))
        };
        let mut left = Map::new();
        left.insert("command".to_owned(), json!(words));
        left.insert("exit".to_owned(), json!(output.status.code()));
        let is_new = |path: &Path, old| path.exists() && fs::read(path).ok() != old;
        let statuses = is_new(&results, old_results).then(|| statuses(&results, plan["messages"] == json!(true)));
        left.insert("results".to_owned(), statuses.unwrap_or_default());
        if lists {
            let stdout = String::from_utf8_lossy(&output.stdout);
            let mut lines: Vec<&str> = stdout.lines().collect();
            lines.sort_unstable();
            let read = |line: &&str| serde_json::from_str(line).unwrap_or_else(|_| json!(line));
            left.insert("listed".to_owned(), lines.iter().map(read).collect());
        }
        if is_new(&sources, old_sources) {
            left.insert("sources".to_owned(), ages(&sources));
        }
        changes(&before, &after, &mut left);
        kept.push(Json::Object(left));
        before = after;
    }
    let (_, wrong) = wrong_in(&project.path().join("target"));
    assert!(wrong.is_empty(), "{name}: artifacts:\n{}", wrong.join("\n"));
    let mut left = Map::new();
    left.insert("steps".to_owned(), Json::Array(kept));
    if plan["manifest"].is_array() {
        left.insert(
            "manifest".to_owned(),
            manifest(&project, &strings(&plan["manifest"]), &database),
        );
    }
    Json::Object(left)
}

/// A target of the profile, in a schema of its own.
fn output(server: &Server, database: &str, target: &str, schema: &str) -> String {
    format!(
        "    {target}:\n      type: postgres\n      host: {}\n      port: 5432\n      user: postgres\n      password: ''\n      \
         dbname: {database}\n      schema: {schema}\n      threads: 1\n",
        server.socket.display()
    )
}

/// What `source freshness` told of each source: its status, and the limits.
fn ages(path: &Path) -> Json {
    let found = read(path);
    let results = found["results"].as_array().expect("a list").iter();
    let ages = results.map(|one| {
        let id = one["unique_id"].as_str().expect("an id").to_owned();
        (id, json!([one["status"], one["criteria"]]))
    });
    Json::Object(ages.collect())
}

fn strings(list: &Json) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|one| one.as_str().expect("text").to_owned()).collect()
}

/// Words as a shell splits them, with single and double quotes.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '\'' || c == '"' => (quote, open) = (Some(c), true),
            None if c == ' ' => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            Some(_) | None => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

fn picture(database: &str, volatile: &[String]) -> Json {
    let sql = fs::read_to_string(folder().join("picture.sql")).expect("picture.sql");
    let sql = format!("set client_min_messages = error; set timezone = 'UTC';\n{sql}");
    let mut picture: Json = serde_json::from_str(&Server::shared().psql(database, "postgres", &sql)).expect("JSON");
    for relation in picture["relations"].as_object_mut().expect("relations").values_mut() {
        let columns = relation["columns"].as_array().cloned().unwrap_or_default();
        let hidden: Vec<bool> = columns
            .iter()
            .map(|column| volatile.iter().any(|name| column[0] == name.as_str()))
            .collect();
        let rows = relation["rows"].as_array_mut().expect("rows");
        for row in rows.iter_mut() {
            for (position, cell) in row.as_array_mut().expect("a row").iter_mut().enumerate() {
                if let Some(text) = cell.as_str() {
                    let hide = hidden.get(position).copied().unwrap_or_default();
                    *cell = json!(if hide {
                        "<volatile>".to_owned()
                    } else {
                        text.replace(database, "<database>")
                    });
                }
            }
        }
        rows.sort_by_key(Json::to_string);
    }
    picture
}

fn statuses(path: &Path, messages: bool) -> Json {
    let results = read(path);
    let results = results["results"].as_array().expect("a list");
    results
        .iter()
        .map(|one| {
            let id = one["unique_id"].as_str().expect("an id").to_owned();
            let mut told = vec![one["status"].clone(), one["failures"].clone()];
            if messages {
                told.push(json!(
                    one["message"]
                        .as_str()
                        .unwrap_or_default()
                        .split('\n')
                        .collect::<Vec<_>>()
                ));
            }
            (id, Json::Array(told))
        })
        .collect::<Map<_, _>>()
        .into()
}

/// What a step made or altered, and the names of what it took away.
fn changes(before: &Json, after: &Json, left: &mut Map<String, Json>) {
    for kind in ["relations", "functions"] {
        let (old, new) = (
            before[kind].as_object().expect("a mapping"),
            after[kind].as_object().expect("a mapping"),
        );
        let altered: Map<_, _> = new
            .iter()
            .filter(|(name, value)| old.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let gone: BTreeSet<&String> = old.keys().filter(|name| !new.contains_key(*name)).collect();
        if !altered.is_empty() {
            left.insert(kind.to_owned(), Json::Object(altered));
        }
        if !gone.is_empty() {
            left.insert(format!("{kind} gone"), json!(gone));
        }
    }
    if before["schemas"] != after["schemas"] {
        left.insert("schemas".to_owned(), after["schemas"].clone());
    }
}

fn manifest(project: &Project, parts: &[String], database: &str) -> Json {
    let path = project.path().join("target/manifest.json");
    if !path.exists() {
        return Json::Null;
    }
    let whole = read(&path);
    let mut found = Map::new();
    for part in parts {
        let (name, keys) = part.split_once('.').unwrap_or((part, ""));
        let section = match whole.get(name) {
            Some(Json::Object(section)) => section
                .iter()
                .filter(|(key, value)| {
                    let package = value["package_name"].as_str().unwrap_or_default();
                    !["dbt", "dbt_postgres"].contains(&package) && !key.starts_with("doc.dbt.")
                })
                .map(|(key, value)| (key.clone(), settled(&pick(value, keys), database)))
                .collect::<Map<_, _>>()
                .into(),
            Some(other) => other.clone(),
            None => json!({}),
        };
        found.insert(name.to_owned(), section);
    }
    Json::Object(found)
}

fn pick(value: &Json, keys: &str) -> Json {
    if keys.is_empty() || !value.is_object() {
        return value.clone();
    }
    let at = |dotted: &str| {
        dotted.split('.').fold(value.clone(), |inner, key| {
            inner.get(key).cloned().unwrap_or(Json::Null)
        })
    };
    keys.split(',')
        .map(|key| (key.to_owned(), at(key)))
        .collect::<Map<_, _>>()
        .into()
}

fn settled(value: &Json, database: &str) -> Json {
    match value {
        Json::Object(map) => map
            .iter()
            .filter(|(key, _)| !FLEETING.contains(&key.as_str()))
            .map(|(key, inner)| (key.clone(), settled(inner, database)))
            .collect::<Map<_, _>>()
            .into(),
        Json::Array(list) => list.iter().map(|inner| settled(inner, database)).collect(),
        Json::String(text) => json!(text.replace(database, "<database>")),
        other => other.clone(),
    }
}

/// Places where two pictures differ, one line each. Rows stand in an order of their own on both sides.
fn differences(wanted: &Json, found: &Json, path: &str, lines: &mut Vec<String>) {
    match (wanted, found) {
        _ if wanted == found => {}
        (Json::Object(want), Json::Object(have)) => {
            for (key, value) in want {
                match have.get(key) {
                    Some(other) => differences(value, other, &format!("{path}/{key}"), lines),
                    None => lines.push(format!("{path}/{key}: missing, dbt has {value}")),
                }
            }
            for (key, value) in have.iter().filter(|(key, _)| !want.contains_key(*key)) {
                lines.push(format!("{path}/{key}: only here, {value}"));
            }
        }
        (Json::Array(want), Json::Array(have)) if path.ends_with("/rows") => {
            let sorted = |rows: &[Json]| {
                let mut rows: Vec<String> = rows.iter().map(Json::to_string).collect();
                rows.sort();
                rows
            };
            if sorted(want) != sorted(have) {
                lines.push(format!("{path}: {found} instead of {wanted}"));
            }
        }
        (Json::Array(want), Json::Array(have)) if want.len() == have.len() && want.iter().all(Json::is_object) => {
            for (position, (value, other)) in want.iter().zip(have).enumerate() {
                let label = value["command"]
                    .as_str()
                    .map_or_else(|| position.to_string(), |c| format!("{position} {c}"));
                differences(value, other, &format!("{path}/{label}"), lines);
            }
        }
        _ => lines.push(format!("{path}: {found} instead of {wanted}")),
    }
}
