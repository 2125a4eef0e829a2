//! The entry of an exposure.

use serde_json::{Map, Value as Json, json};

use super::config::config_entry;
use super::node::{Surroundings, depends_on, refs};
use super::object;
use crate::graph::Node;

pub(super) fn exposure_entry(node: &Node, around: Surroundings<'_>) -> Map<String, Json> {
    let written = |key: &str| node.config.raw.get(key).cloned().unwrap_or_default();
    let owner = match written("owner") {
        Json::Object(owner) => Json::Object(owner),
        _ => json!({ "email": null, "name": null }),
    };
    object(json!({
        "name": node.name,
        "resource_type": "exposure",
        "package_name": node.package,
        "path": node.path,
        "original_file_path": node.original_path,
        "unique_id": &*node.id,
        "fqn": node.fqn,
        "type": written("type"),
        "owner": owner,
        "description": node.description,
        "label": written("label"),
        "maturity": written("maturity"),
        "meta": node.meta,
        "tags": node.config.tags,
        "config": config_entry(node),
        "unrendered_config": node.semantics.fields.get("unrendered_config").cloned().unwrap_or_else(|| json!({})),
        "url": written("url"),
        "depends_on": depends_on(node),
        "refs": refs(node),
        "sources": node.sources,
        "metrics": node.semantics.metrics,
        "created_at": around.created_at,
    }))
}
