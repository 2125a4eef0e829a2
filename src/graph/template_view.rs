//! A node as its own template sees it: `{{ model }}`.

use serde_json::{Map, Value as Json, json};

use super::Node;

/// The keys that macros read, under dbt's names
/// (<https://docs.getdbt.com/reference/dbt-jinja-functions/model>).
#[must_use]
pub fn template_view(node: &Node) -> Json {
    let columns: Map<String, Json> = node
        .columns
        .iter()
        .map(|(name, column)| {
            let value = json!({
                "name": column.name,
                "description": column.description,
                "data_type": column.data_type,
                "quote": column.quote,
                "tags": column.tags,
                "meta": column.meta,
                "constraints": column.constraints,
            });
            (name.clone(), value)
        })
        .collect();
    json!({
        "unique_id": node.id,
        "name": node.name,
        "resource_type": node.resource_type,
        "package_name": node.package,
        "path": node.path,
        "original_file_path": node.original_path,
        "fqn": node.fqn,
        "alias": node.alias,
        "database": node.relation.database,
        "schema": node.relation.schema,
        "relation_name": node.relation.to_string(),
        "identifier": node.relation.identifier,
        "config": node.config.raw,
        "tags": node.config.tags,
        "meta": node.meta,
        "description": node.description,
        "columns": columns,
        "refs": node.refs,
        "sources": node.sources,
        "depends_on": {"nodes": node.depends_on, "macros": node.macros},
        "raw_code": node.raw_code(),
        "language": "sql",
        "access": node.access,
        "group": node.group,
        "constraints": node.constraints,
        "patch_path": node.patch_path,
        "version": node.version.as_ref().map(|version| &version.name),
        "latest_version": node.version.as_ref().map(|version| &version.latest),
    })
}
