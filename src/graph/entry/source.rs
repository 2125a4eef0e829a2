//! The entry of a source.

use serde_json::{Map, Value as Json, json};

use super::config::{config_entry, freshness};
use super::node::{Surroundings, columns, relation_name};
use super::object;
use crate::graph::Node;
use crate::project::Freshness;

/// What the source and its table say of quoting; null where they say nothing.
fn quoting(node: &Node) -> Json {
    let spec = node.source_spec.as_ref();
    let parts = ["database", "schema", "identifier", "column"];
    let said = |part: &str| {
        spec.and_then(|spec| spec.quoting.get(part).cloned())
            .unwrap_or(Json::Null)
    };
    parts
        .iter()
        .map(|part| ((*part).to_owned(), said(part)))
        .collect::<Map<_, _>>()
        .into()
}

pub(super) fn source_entry(node: &Node, around: Surroundings<'_>) -> Map<String, Json> {
    let spec = node.source_spec.as_ref();
    let [database, schema] = spec.map(|spec| spec.written.clone()).unwrap_or_default();
    object(json!({
        "database": node.relation.database,
        "schema": node.relation.schema,
        "name": node.name,
        "resource_type": "source",
        "package_name": node.package,
        "path": node.original_path,
        "original_file_path": node.original_path,
        "unique_id": &*node.id,
        "fqn": node.fqn,
        "source_name": spec.map(|spec| spec.source_name.as_str()),
        "source_description": spec.map(|spec| spec.source_description.as_str()),
        "loader": spec.map(|spec| spec.loader.as_str()),
        "identifier": node.relation.identifier,
        "quoting": quoting(node),
        "loaded_at_field": spec.and_then(|spec| spec.loaded_at_field.as_deref()),
        "loaded_at_query": spec.and_then(|spec| spec.loaded_at_query.as_deref()),
        "freshness": freshness(node),
        "external": null,
        "description": node.description,
        "columns": columns(node, false),
        "meta": node.meta,
        "source_meta": {},
        "tags": node.config.tags,
        "config": config_entry(node),
        "patch_path": node.patch_path,
        "unrendered_config": unrendered(node),
        "relation_name": relation_name(node),
        "created_at": around.created_at,
        "unrendered_database": database,
        "unrendered_schema": schema,
        "doc_blocks": node.doc_blocks,
    }))
}

/// The configuration as it stands in the properties.
fn unrendered(node: &Node) -> Json {
    let spec = node.source_spec.as_ref();
    let mut written = json!({
        "loaded_at_field": spec.and_then(|spec| spec.loaded_at_field.as_deref()),
        "loaded_at_query": spec.and_then(|spec| spec.loaded_at_query.as_deref()),
        "meta": node.meta,
        "tags": node.config.tags,
    });
    // Thresholds without a limit are what nobody wrote.
    let limits = spec.and_then(|spec| spec.freshness.as_ref());
    if limits.is_none_or(Freshness::is_asked_for) {
        written["freshness"] = json!(limits);
    }
    written
}
