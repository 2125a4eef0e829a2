//! `model` in templates: the node that renders.

use serde_json::{Map, Value as Json};

use super::node::{Surroundings, node_entry};
use crate::graph::Node;

/// The node as `{{ model }}` shows it while it runs: its entry without what is not set, and with the types of columns in
/// PostgreSQL's words. <https://docs.getdbt.com/reference/dbt-jinja-functions/model>
#[must_use]
pub fn model_entry(node: &Node, around: Surroundings<'_>) -> Json {
    let mut entry = node_entry(node, around);
    // Not known before it is written.
    entry.remove("build_path");
    without_null(&mut entry);
    if let Some(code) = entry.get("compiled_code").cloned() {
        entry.insert("compiled_sql".to_owned(), code);
    }
    if let Some(Json::Object(columns)) = entry.get_mut("columns") {
        for column in columns.values_mut() {
            if let Some(Json::String(data_type)) = column.get_mut("data_type") {
                *data_type = translated(data_type);
            }
        }
    }
    Json::Object(entry)
}

/// What people write themselves keeps its nulls.
const WRITTEN: [&str; 4] = ["meta", "unrendered_config", "kwargs", "persist_docs"];

fn without_null(entry: &mut Map<String, Json>) {
    entry.retain(|_, value| !value.is_null());
    for (key, value) in entry {
        if let Json::Object(inner) = value
            && !WRITTEN.contains(&key.as_str())
        {
            without_null(inner);
        }
    }
}

/// dbt's portable names of types, in PostgreSQL's words.
fn translated(data_type: &str) -> String {
    match data_type.to_ascii_uppercase().as_str() {
        "STRING" => "TEXT".to_owned(),
        "INTEGER" => "INT".to_owned(),
        portable @ ("TIMESTAMP" | "FLOAT" | "BOOLEAN") => portable.to_owned(),
        _ => data_type.to_owned(),
    }
}
