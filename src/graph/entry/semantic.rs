//! The entries of metrics, semantic models and saved queries.

use serde_json::{Map, Value as Json, json};

use super::config::config_entry;
use super::node::{Surroundings, depends_on, refs};
use super::object;
use crate::graph::{Node, ResourceType};

pub(super) fn semantic_entry(node: &Node, around: Surroundings<'_>) -> Map<String, Json> {
    let kind = node.resource_type.name();
    let mut entry = object(json!({
        "name": node.name,
        "resource_type": kind,
        "package_name": node.package,
        "path": node.path,
        "original_file_path": node.original_path,
        "unique_id": &*node.id,
        "fqn": node.fqn,
    }));
    if node.resource_type == ResourceType::Metric {
        entry.insert("description".to_owned(), node.description.as_str().into());
    }
    entry.extend(node.semantics.fields.clone());
    entry.extend(object(json!({
        "config": config_entry(node),
        "depends_on": depends_on(node),
        "refs": refs(node),
        "created_at": around.created_at,
        "group": node.group,
    })));
    if node.resource_type == ResourceType::Metric {
        entry.insert("sources".to_owned(), json!([]));
        entry.insert("metrics".to_owned(), json!([]));
    }
    if node.resource_type != ResourceType::SemanticModel {
        entry.insert("tags".to_owned(), node.config.tags.clone().into());
    }
    entry
}

/// `group` and `meta`; what a saved query has beside.
pub(super) fn semantic_config(node: &Node) -> Map<String, Json> {
    let mut config = object(json!({ "enabled": node.config.enabled, "group": node.group, "meta": node.meta }));
    if node.resource_type == ResourceType::SavedQuery {
        let raw = |key: &str| node.config.raw.get(key).cloned();
        config.extend(object(json!({
            "export_as": raw("export_as"),
            "schema": raw("schema"),
            "cache": raw("cache").filter(Json::is_object).unwrap_or_else(|| json!({ "enabled": false })),
        })));
    }
    config
}
