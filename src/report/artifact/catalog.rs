//! `catalog.json`, version 1 of dbt's schema.

use std::collections::HashMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::graph::{Node, NodeId, ResourceType};
use crate::run::CatalogRow;

use super::invocation::Invocation;

/// Database, schema and name.
type Key = (Option<String>, String, String);

/// What the rows tell of the nodes; relations that are no node's are left out, and so are nodes that are not `wanted`.
#[must_use]
pub fn catalog(
    rows: &[CatalogRow],
    nodes: &[&Node],
    wanted: &dyn Fn(&Node) -> bool,
    errors: &[String],
    invocation: &Invocation,
    now: Timestamp,
) -> Json {
    let tables = tables(rows);
    // Names are compared without their case, as dbt does, but a name that is the same to the letter comes first.
    let mut folded: HashMap<Key, &Key> = HashMap::new();
    for key in tables.keys() {
        folded.insert(lower(key), key);
    }
    let (mut found, mut sources) = (Map::new(), Map::new());
    let owners = owners(nodes);
    for node in nodes {
        let key = key_of(node);
        let is_source = node.resource_type == ResourceType::Source;
        if !wanted(node) || (!is_source && owners.get(&lower(&key)) != Some(&&node.id)) {
            continue;
        }
        let exact = tables.get(&key);
        let table = exact.or_else(|| tables.get(*folded.get(&lower(&key))?));
        if let Some(table) = table {
            let mut table = table.clone();
            table["unique_id"] = (&*node.id).into();
            let list = if is_source { &mut sources } else { &mut found };
            list.insert(node.id.to_string(), table);
        }
    }
    json!({
        "metadata": invocation.metadata("catalog/v1", now),
        "nodes": found,
        "sources": sources,
        "errors": if errors.is_empty() { Json::Null } else { json!(errors) },
    })
}

/// Whose a relation is where several nodes name it: the last one's.
fn owners<'n>(nodes: &[&'n Node]) -> HashMap<Key, &'n NodeId> {
    let own = nodes.iter().filter(|node| is_listed(node));
    own.map(|node| (lower(&key_of(node)), &node.id)).collect()
}

/// Whether the manifest has it among its `nodes`.
fn is_listed(node: &Node) -> bool {
    use ResourceType::{Analysis, Model, Seed, Snapshot, Test};
    matches!(node.resource_type, Model | Seed | Snapshot | Test | Analysis)
}

fn key_of(node: &Node) -> Key {
    let relation = &node.relation;
    (
        relation.database.clone(),
        relation.schema.clone(),
        relation.identifier.clone(),
    )
}

fn lower((database, schema, name): &Key) -> Key {
    let database = database.as_ref().map(|database| database.to_lowercase());
    (database, schema.to_lowercase(), name.to_lowercase())
}

/// The relations in the rows, in order, without the ids of their nodes.
fn tables(rows: &[CatalogRow]) -> IndexMap<Key, Json> {
    let mut tables: IndexMap<Key, Json> = IndexMap::new();
    for row in rows {
        let text = |key: &str| row.get(key).filter(|value| !value.is_null()).map(plain);
        let (Some(schema), Some(name)) = (text("table_schema"), text("table_name")) else {
            continue;
        };
        let key = (text("table_database"), schema, name);
        let table = tables.entry(key).or_insert_with(|| {
            json!({
                "metadata": {
                    "type": text("table_type"),
                    "schema": text("table_schema"),
                    "name": text("table_name"),
                    "database": text("table_database"),
                    "comment": text("table_comment"),
                    "owner": text("table_owner"),
                },
                "columns": {},
                "stats": stats(row),
                "unique_id": null,
            })
        });
        if let Some(column) = text("column_name") {
            table["columns"][&column] = json!({
                "type": text("column_type"),
                "index": row.get("column_index").map_or(Json::Null, whole),
                "name": column,
                "comment": text("column_comment"),
            });
        }
    }
    tables
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number that may have come as text or with a fraction of nothing.
#[expect(clippy::cast_possible_truncation, reason = "the place of a column is small")]
fn whole(value: &Json) -> Json {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.map_or_else(|| value.clone(), |number| json!(number as i64))
}

/// `stats:<id>:<what>` of a project's own macro; the built-in one gives none.
fn stats(row: &CatalogRow) -> Json {
    let mut stats = Map::new();
    let value = |id: &str, what: &str| row.get(&format!("stats:{id}:{what}")).cloned().unwrap_or_default();
    for key in row.keys() {
        let Some((id, "label")) = key.strip_prefix("stats:").and_then(|rest| rest.split_once(':')) else {
            continue;
        };
        if value(id, "include") == json!(true) {
            let stat = json!({
                "id": id,
                "label": value(id, "label"),
                "value": value(id, "value"),
                "include": true,
                "description": value(id, "description"),
            });
            stats.insert(id.to_owned(), stat);
        }
    }
    let has_stats = json!({
        "id": "has_stats",
        "label": "Has Stats?",
        "value": !stats.is_empty(),
        "include": false,
        "description": "Indicates whether there are statistics for this table",
    });
    stats.insert("has_stats".to_owned(), has_stats);
    stats.into()
}
