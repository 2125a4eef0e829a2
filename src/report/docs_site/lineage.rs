//! Columns that are copies of other nodes' columns, as far as the compiled SQL and the catalogue leave no doubt.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use crate::sql::copied_columns;

/// For each node that has some: by column, the node and the column that it is a copy of.
#[must_use]
pub fn lineage(manifest: &Json, catalog: &Json) -> HashMap<String, Json> {
    let mut tables: HashMap<(&str, &str), (&str, &Json)> = HashMap::new();
    for section in ["sources", "nodes"] {
        for (id, table) in catalog[section].as_object().into_iter().flatten() {
            let metadata = &table["metadata"];
            if let (Some(schema), Some(name)) = (metadata["schema"].as_str(), metadata["name"].as_str()) {
                tables.insert((schema, name), (id, &table["columns"]));
            }
        }
    }
    let known = |schema: &str, table: &str| {
        let (_, columns) = tables.get(&(schema, table))?;
        Some(columns.as_object()?.keys().cloned().collect())
    };
    let mut found = HashMap::new();
    for (id, node) in manifest["nodes"].as_object().into_iter().flatten() {
        let kind = node["resource_type"].as_str();
        let (Some("model"), Some(sql)) = (kind, node["compiled_code"].as_str()) else {
            continue;
        };
        let mut columns = Map::new();
        for (name, origin) in copied_columns(sql, &known) {
            if let Some((from, _)) = tables.get(&(origin.schema.as_str(), origin.table.as_str()))
                && *from != id
            {
                columns.insert(name, json!([[from, origin.column]]));
            }
        }
        if !columns.is_empty() {
            found.insert(id.clone(), columns.into());
        }
    }
    found
}
