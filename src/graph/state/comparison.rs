//! Whether two entries of one node say the same.

use serde_json::{Map, Value as Json};

use super::contract;

/// Keys that are part of where a node lives, or only name it: no change of its configuration.
const PLACE: [&str; 5] = ["alias", "schema", "database", "tags", "group"];

/// The keys of a test's configuration that change what it finds.
const OF_TESTS: [&str; 11] = [
    "audit_keys",
    "audit_scope",
    "severity",
    "where",
    "limit",
    "fail_calc",
    "warn_if",
    "error_if",
    "store_failures",
    "store_failures_as",
    "sql_header",
];

/// The keys of a function's configuration.
const OF_FUNCTIONS: [&str; 5] = ["type", "volatility", "runtime_version", "entry_point", "snowflake"];

/// dbt's `resource_type` of an entry.
pub(super) fn kind(entry: &Json) -> &str {
    entry["resource_type"].as_str().unwrap_or_default()
}

/// Built from a file of its own, or kept by a run: what dbt calls a parsed node.
pub(super) fn is_parsed(kind: &str) -> bool {
    matches!(
        kind,
        "model" | "seed" | "snapshot" | "test" | "analysis" | "operation" | "function"
    )
}

/// Equal, where nothing and `null` are the same, and whole numbers and fractions of one value.
pub(super) fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            let within = |one: &Map<String, Json>, other: &Map<String, Json>| {
                one.iter()
                    .all(|(key, value)| same(value, other.get(key).unwrap_or(&Json::Null)))
            };
            within(one, other) && within(other, one)
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Number(one), Json::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}

/// Whether all these keys are the same in both.
fn all_same(new: &Json, old: &Json, keys: &[&str]) -> bool {
    keys.iter().all(|key| same(&new[key], &old[key]))
}

pub(super) fn same_body(new: &Json, old: &Json) -> bool {
    if kind(new) == "seed" {
        return same(&new["checksum"], &old["checksum"]);
    }
    new["raw_code"] == old["raw_code"]
}

/// What was written, by key: one that is written on one side only is a change.
fn same_written(new: &Json, old: &Json, counts: impl Fn(&str) -> bool) -> bool {
    let empty = Map::new();
    let new = new["unrendered_config"].as_object().unwrap_or(&empty);
    let old = old["unrendered_config"].as_object().unwrap_or(&empty);
    let in_other = |one: &Map<String, Json>, other: &Map<String, Json>| {
        one.iter()
            .filter(|(key, _)| counts(key))
            .all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
    };
    in_other(new, old) && in_other(old, new)
}

pub(super) fn same_config(new: &Json, old: &Json) -> bool {
    match kind(new) {
        "test" => same_written(new, old, |key| OF_TESTS.contains(&key)),
        "source" | "exposure" => same_written(new, old, |_| true),
        "metric" => same_written(new, old, |key| key != "group"),
        // dbt gives functions the models' settings of the project file, which mean nothing to them.
        "function" => same_written(new, old, |key| OF_FUNCTIONS.contains(&key)),
        "semantic_model" | "saved_query" => same(&new["config"], &old["config"]),
        _ => same_written(new, old, |key| !PLACE.contains(&key)),
    }
}

/// Descriptions count where they are kept in the database.
pub(super) fn same_persisted_description(new: &Json, old: &Json) -> bool {
    let kept = |part: &str| new["config"]["persist_docs"][part].as_bool().unwrap_or_default();
    if kept("relation") && new["description"] != old["description"] {
        return false;
    }
    if !kept("columns") {
        return true;
    }
    let described = |entry: &Json| -> Map<String, Json> {
        let columns = entry["columns"].as_object().into_iter().flatten();
        columns
            .map(|(name, column)| (name.clone(), column["description"].clone()))
            .collect()
    };
    described(new) == described(old)
}

/// Where a node is told to live, not where it does: the schema of the target is no change.
pub(super) fn same_relation(new: &Json, old: &Json) -> bool {
    if kind(new) == "source" {
        return all_same(new, old, &["unrendered_database", "unrendered_schema", "identifier"]);
    }
    let (new, old) = (&new["unrendered_config"], &old["unrendered_config"]);
    all_same(new, old, &["database", "schema", "alias"])
}

/// What `state:modified` compares, macros and breaking changes of a contract aside.
pub(super) fn same_contents(new: &Json, old: &Json) -> bool {
    match kind(new) {
        "source" => {
            same_relation(new, old)
                && same_config(new, old)
                && all_same(
                    new,
                    old,
                    &["fqn", "quoting", "freshness", "loaded_at_field", "external"],
                )
        }
        "exposure" => {
            let told = ["fqn", "type", "owner", "maturity", "url", "description", "label"];
            let parents = |entry: &Json| -> std::collections::BTreeSet<String> {
                let nodes = entry["depends_on"]["nodes"].as_array().into_iter().flatten();
                nodes.map(Json::to_string).collect()
            };
            all_same(new, old, &told) && parents(new) == parents(old) && same_config(new, old)
        }
        "metric" => all_same(new, old, &["type", "description", "label"]) && same_config(new, old),
        "semantic_model" => {
            let told = [
                "model",
                "description",
                "defaults",
                "entities",
                "dimensions",
                "measures",
                "config",
                "primary_entity",
                "group",
            ];
            all_same(new, old, &told)
        }
        "saved_query" => {
            all_same(new, old, &["description", "label", "config", "group", "tags"])
                && all_same(
                    &new["query_params"],
                    &old["query_params"],
                    &["metrics", "group_by", "where"],
                )
                && same_exports(new, old)
        }
        // What dbt makes the checksum of a unit test from.
        "unit_test" => all_same(new, old, &["model", "versions", "given", "expect", "overrides"]),
        // A generic test is its place in the properties, and what it is configured to be.
        "test" if !new["test_metadata"].is_null() => same_config(new, old) && same(&new["fqn"], &old["fqn"]),
        kind => same_parsed(kind, new, old),
    }
}

fn same_parsed(kind: &str, new: &Json, old: &Json) -> bool {
    let parsed = same_body(new, old)
        && same_config(new, old)
        && same_persisted_description(new, old)
        && same(&new["fqn"], &old["fqn"])
        && same_relation(new, old);
    parsed
        && match kind {
            "model" => {
                // Changes of these can break references elsewhere.
                all_same(new, old, &["latest_version", "access", "deprecation_date"]) && contract::is_same(new, old)
            }
            "function" => all_same(new, old, &["arguments", "returns"]) && same_overloads(new, old),
            _ => true,
        }
}

fn same_exports(new: &Json, old: &Json) -> bool {
    let list = |entry: &Json| entry["exports"].as_array().cloned().unwrap_or_default();
    let (new, old) = (list(new), list(old));
    new.len() == old.len()
        && new.iter().zip(&old).all(|(new, old)| {
            new["name"] == old["name"]
                && all_same(
                    &new["unrendered_config"],
                    &old["unrendered_config"],
                    &["export_as", "schema", "alias"],
                )
        })
}

/// Descriptions of overloads change no SQL.
fn same_overloads(new: &Json, old: &Json) -> bool {
    let list = |entry: &Json| entry["overloads"].as_array().cloned().unwrap_or_default();
    let (new, old) = (list(new), list(old));
    let told = ["defined_in", "arguments", "returns", "raw_body"];
    new.len() == old.len() && new.iter().zip(&old).all(|(new, old)| all_same(new, old, &told))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model() -> Json {
        json!({
            "resource_type": "model", "raw_code": "select 1 as id", "fqn": ["shop", "a"], "access": "protected",
            "config": { "persist_docs": {} }, "unrendered_config": { "materialized": "view", "tags": ["x"] },
            "description": "one", "columns": {}, "contract": { "enforced": false },
        })
    }

    fn changed(change: impl FnOnce(&mut Json)) -> bool {
        let mut new = model();
        change(&mut new);
        !same_contents(&new, &model())
    }

    #[test]
    fn a_model_changes_with_what_it_builds() {
        assert!(!changed(|_| {}));
        assert!(changed(|new| new["raw_code"] = json!("select 2 as id")));
        assert!(changed(|new| new["unrendered_config"]["materialized"] = json!("table")));
        assert!(changed(|new| new["unrendered_config"]["schema"] = json!("marts")));
        assert!(changed(|new| new["fqn"] = json!(["shop", "marts", "a"])));
        assert!(changed(|new| new["access"] = json!("public")));
        // Where it lives now, what it is called together with, and what is said of it change nothing that is built.
        assert!(!changed(|new| new["schema"] = json!("ci_42")));
        assert!(!changed(|new| new["unrendered_config"]["tags"] = json!(["y"])));
        assert!(!changed(|new| new["description"] = json!("two")));
        assert!(changed(|new| {
            new["config"]["persist_docs"] = json!({ "relation": true });
            new["description"] = json!("two");
        }));
    }

    #[test]
    fn a_value_is_compared_as_it_was_written() {
        let written = |text: &str| json!({ "resource_type": "model", "unrendered_config": { "materialized": text } });
        assert!(same_config(
            &written("{{ env_var('KIND') }}"),
            &written("{{ env_var('KIND') }}")
        ));
        assert!(!same_config(&written("{{ env_var('KIND') }}"), &written("table")));
    }

    #[test]
    fn a_test_is_what_it_finds() {
        let test = |key: &str, value: Json| {
            json!({
                "resource_type": "test", "fqn": ["shop", "t"], "test_metadata": { "name": "unique" },
                "unrendered_config": { key: value }, "raw_code": key,
            })
        };
        assert!(same_contents(
            &test("tags", json!(["x"])),
            &test("meta", json!({ "a": 1 }))
        ));
        assert!(!same_contents(
            &test("severity", json!("warn")),
            &test("severity", json!("error"))
        ));
    }

    #[test]
    fn nothing_and_null_are_the_same() {
        assert!(same(&json!({ "a": null, "b": 1 }), &json!({ "b": 1.0 })));
        assert!(!same(&json!({ "a": [1, 2] }), &json!({ "a": [2, 1] })));
    }
}
