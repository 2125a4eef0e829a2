//! The keys of models: declared in a contract, or told by tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

use crate::graph::{Constraint, ConstraintKind, Node};

/// The key columns of each model as its tests tell them: unique and not null, else unique.
pub fn primary_keys<'a>(nodes: &[&'a Node]) -> HashMap<&'a str, Vec<String>> {
    let mut unique: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut not_null: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in nodes {
        let Some(generic) = node.test.as_ref().and_then(|test| test.generic.as_ref()) else {
            continue;
        };
        let Some(model) = generic.attached.as_deref() else {
            continue;
        };
        let named = generic.kwargs.get("combination_of_columns").and_then(Json::as_array);
        let columns = match generic.kwargs.get("column_name").and_then(Json::as_str) {
            Some(column) => vec![column],
            None => named.into_iter().flatten().filter_map(Json::as_str).collect(),
        };
        let set = match generic.name.as_str() {
            "unique" | "unique_combination_of_columns" => &mut unique,
            "not_null" => &mut not_null,
            _ => continue,
        };
        set.entry(model).or_default().extend(columns);
    }
    let mut declared: HashMap<&str, Vec<String>> = HashMap::new();
    for node in nodes {
        declared.extend(declared_key(node).map(|columns| (&*node.id, columns)));
    }
    let owned = |columns: Vec<&str>| columns.into_iter().map(str::to_owned).collect();
    let mut keys: HashMap<&str, Vec<String>> = unique
        .into_iter()
        .map(|(model, unique)| {
            let never_null = not_null.get(model).cloned().unwrap_or_default();
            let both: Vec<&str> = unique.intersection(&never_null).copied().collect();
            let key = if both.is_empty() {
                unique.into_iter().collect()
            } else {
                both
            };
            (model, owned(key))
        })
        .collect();
    keys.extend(declared);
    keys
}

/// The key that a contract has.
fn declared_key(node: &Node) -> Option<Vec<String>> {
    let is_key = |constraint: &&Constraint| constraint.kind == ConstraintKind::PrimaryKey;
    if let Some(key) = node.constraints.iter().find(is_key) {
        return key.columns.clone();
    }
    let mut columns = node.columns.values();
    let column = columns.find(|column| column.constraints.iter().any(|constraint| is_key(&constraint)))?;
    Some(vec![column.name.clone()])
}
