//! Artifacts that we write against what tools around dbt expect of them: `tests/artifacts/shapes.json`, which says how it
//! came to be and what it means in `record.py` beside it. The fixtures of `parity` are checked as they run.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value as Json, json};

use super::shop::shop;
use super::support::Project;

static SHAPES: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("../artifacts/shapes.json")).expect("JSON"));

/// What is wrong with an artifact, one line each: `manifest`, `run_results`, `catalog` or `sources`.
pub fn wrong(kind: &str, artifact: &Json) -> Vec<String> {
    let mut wrong = Vec::new();
    let root = SHAPES["artifacts"][kind].as_str().expect("a kind of artifact");
    check(&json!({ "is": root }), artifact, kind, &mut wrong);
    let version = &artifact["metadata"]["dbt_schema_version"];
    if *version != SHAPES["versions"][kind] {
        wrong.push(format!("{kind}.metadata.dbt_schema_version: {version}"));
    }
    wrong
}

/// The same for all artifacts in a folder, with how many there are.
pub fn wrong_in(target: &Path) -> (usize, Vec<String>) {
    let kinds = SHAPES["artifacts"].as_object().expect("a mapping").keys();
    let found = kinds.filter_map(|kind| Some((kind, std::fs::read(target.join(format!("{kind}.json"))).ok()?)));
    let mut checked = 0;
    let mut problems = Vec::new();
    for (kind, bytes) in found {
        checked += 1;
        problems.extend(wrong(kind, &serde_json::from_slice(&bytes).expect("JSON")));
    }
    (checked, problems)
}

fn check(shape: &Json, value: &Json, at: &str, wrong: &mut Vec<String>) {
    let fits = match shape {
        Json::String(name) => is_a(name, value),
        Json::Array(parts) => return check_either(parts, value, at, wrong),
        Json::Object(shape) => {
            let (word, inner) = shape.iter().next().expect("a shape");
            match (word.as_str(), value) {
                ("is", _) => {
                    let shape = &SHAPES["types"][inner.as_str().expect("a name")];
                    return if is_alias(shape) {
                        check(shape, value, at, wrong);
                    } else {
                        check_fields(shape, value, at, wrong);
                    };
                }
                ("enum", _) => inner.as_array().is_some_and(|values| values.contains(value)),
                ("list", Json::Array(items)) => {
                    for (index, item) in items.iter().enumerate() {
                        check(inner, item, &format!("{at}[{index}]"), wrong);
                    }
                    true
                }
                ("map", Json::Object(entries)) => {
                    for (key, entry) in entries {
                        check(inner, entry, &format!("{at}.{key}"), wrong);
                    }
                    true
                }
                _ => false,
            }
        }
        other => panic!("no shape: {other}"),
    };
    if !fits {
        wrong.push(format!("{at}: {} is not {shape}", short(value)));
    }
}

/// Whether a type of the file stands for what a field holds, and has no fields itself.
fn is_alias(shape: &Json) -> bool {
    let Some(fields) = shape.as_object() else { return true };
    let word = fields.keys().next().filter(|_| fields.len() == 1);
    word.is_some_and(|word| ["enum", "list", "map", "is"].contains(&word.as_str()))
}

fn is_a(name: &str, value: &Json) -> bool {
    match name {
        "any" => true,
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no shape: {other}"),
    }
}

/// Either of several; where none fits, what is wrong with the one that comes nearest.
fn check_either(parts: &[Json], value: &Json, at: &str, wrong: &mut Vec<String>) {
    let mut nearest: Option<Vec<String>> = None;
    for part in parts {
        let mut found = Vec::new();
        check(part, value, at, &mut found);
        if found.is_empty() {
            return;
        }
        if nearest.as_ref().is_none_or(|known| found.len() < known.len()) {
            nearest = Some(found);
        }
    }
    wrong.extend(nearest.unwrap_or_default());
}

fn check_fields(shape: &Json, value: &Json, at: &str, wrong: &mut Vec<String>) {
    let (Some(fields), Some(entry)) = (shape.as_object(), value.as_object()) else {
        wrong.push(format!("{at}: {} is no mapping", short(value)));
        return;
    };
    for (name, inner) in fields.iter().filter(|(name, _)| *name != "*") {
        let key = name.strip_suffix('?').unwrap_or(name);
        match entry.get(key) {
            Some(found) => check(inner, found, &format!("{at}.{key}"), wrong),
            None if key == name => wrong.push(format!("{at}.{key}: missing")),
            None => {}
        }
    }
    let unknown = |key: &&String| !fields.contains_key(*key) && !fields.contains_key(&format!("{key}?"));
    for key in entry.keys().filter(unknown) {
        match fields.get("*") {
            Some(rest) => check(rest, &entry[key], &format!("{at}.{key}"), wrong),
            None => wrong.push(format!("{at}.{key}: unknown")),
        }
    }
}

fn short(value: &Json) -> String {
    value.to_string().chars().take(80).collect()
}

fn read(project: &Project, name: &str) -> Json {
    serde_json::from_str(&project.read(&format!("target/{name}.json"))).expect("JSON")
}

#[test]
fn the_shop_and_what_spoils_its_artifacts() {
    let project = shop();
    project.run(&["build"]);
    let results = read(&project, "run_results");
    assert_eq!(wrong("run_results", &results), [""; 0]);
    project.ok(&["docs", "generate"]);
    project.run(&["source", "freshness"]);
    let (checked, problems) = wrong_in(&project.path().join("target"));
    assert_eq!(problems, [""; 0]);
    assert_eq!(checked, 4);

    let spoilt = |kind: &str, artifact: &Json, pointer: &str, value: Option<Json>| {
        let mut artifact = artifact.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = artifact.pointer_mut(parent).expect("something there");
        let parent = parent.as_object_mut().expect("a mapping");
        match value {
            Some(value) => drop(parent.insert(key.to_owned(), value)),
            None => assert!(parent.remove(key).is_some(), "{pointer}"),
        }
        wrong(kind, &artifact).join("\n")
    };
    let manifest = read(&project, "manifest");
    let node = manifest["nodes"].as_object().expect("nodes").keys();
    let node = node.clone().find(|id| id.starts_with("model.")).expect("a model");
    let at = |field: &str| format!("/nodes/{node}/{field}");
    for (pointer, value, told) in [
        ("/nodes".to_owned(), None, "manifest.nodes: missing"),
        (at("fqn"), None, ".fqn: missing"),
        (at("unique_id"), Some(json!(7)), ".unique_id: 7 is not \"string\""),
        (at("tags"), Some(json!(["a", 1])), ".tags[1]: 1 is not \"string\""),
        (
            at("access"),
            Some(json!("hidden")),
            ".access: \"hidden\" is not {\"enum\"",
        ),
        (at("invented"), Some(json!(true)), ".invented: unknown"),
        (
            at("config/enabled"),
            Some(json!("yes")),
            ".config.enabled: \"yes\" is not \"boolean\"",
        ),
        (
            "/metadata/dbt_schema_version".to_owned(),
            Some(json!("v11")),
            "dbt_schema_version: \"v11\"",
        ),
    ] {
        let found = spoilt("manifest", &manifest, &pointer, value);
        assert!(found.contains(told), "{pointer}: {told:?} is not in {found:?}");
    }
    let mut unknown = results.clone();
    unknown["results"][0]["status"] = json!("done");
    assert!(wrong("run_results", &unknown)[0].contains("results[0].status: \"done\""));
    unknown["results"][0]["status"] = json!("success");
    unknown["results"][0]["timing"] = Json::Null;
    assert!(wrong("run_results", &unknown)[0].contains("timing"));
}

/// What dbt 1.12 wrote of the same properties, which the package metricflow-semantic-interfaces 0.213 reads and its validator
/// finds nothing wrong with.
#[test]
fn the_semantic_manifest_is_dbts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/semantic_layer");
    for kind in ["newer", "older"] {
        let read =
            |ending: &str| std::fs::read_to_string(folder.join(format!("{kind}.{ending}"))).expect("the fixture");
        let project = Project::new()
            .write("dbt_project.yml", "name: it\nversion: '1.0'\nprofile: it\n")
            .write("models/properties.yml", &read("yml"))
            .write(
                "models/orders.sql",
                "select 1 as order_id, 2 as customer_id, 3 as amount",
            )
            .write("models/visits.sql", "select 1 as visit_id, 2 as customer_id")
            .write("models/days.sql", "select current_date as day, 2020 as fiscal_year");
        project.ok(&["parse"]);
        let name = format!("\\\"{}\\\"", project.database.name);
        let plain = format!("\"{}\"", project.database.name);
        let found = project.read("target/semantic_manifest.json");
        let found = found
            .replace(&name, "\\\"<database>\\\"")
            .replace(&plain, "\"<database>\"");
        let found: Json = serde_json::from_str(&found).expect("JSON");
        let wanted: Json = serde_json::from_str(&read("json")).expect("JSON");
        let parts = wanted.as_object().expect("a mapping");
        for (part, wanted) in parts {
            assert_eq!(&found[part], wanted, "{kind} {part}");
        }
        assert_eq!(found.as_object().map(serde_json::Map::len), Some(parts.len()), "{kind}");
    }
}
