//! What a model promised about its columns, against what its query gives.

use indexmap::IndexMap;

use crate::graph::Node;
use crate::postgres::{Connection, SqlError};
use crate::sql::{Column, ident};

/// One line a broken promise; empty where the contract is kept. Types are compared by the names that PostgreSQL gives
/// them, so that `int` and `integer` are the same.
pub(super) async fn mismatches(
    connection: &Connection,
    node: &Node,
    found: &[Column],
) -> Result<Vec<String>, SqlError> {
    let promised: Vec<(&String, &String)> = node
        .columns
        .values()
        .filter_map(|c| c.data_type.as_ref().map(|t| (&c.name, t)))
        .collect();
    let names = canonical(connection, &promised).await?;
    Ok(compare(&names, found))
}

fn compare(promised: &IndexMap<String, String>, found: &[Column]) -> Vec<String> {
    let mut problems = Vec::new();
    for column in found {
        match promised.get(&column.name) {
            None => problems.push(format!(
                "`{}` ({}) is not in the contract",
                column.name, column.data_type
            )),
            Some(promised) if !same_type(promised, &column.data_type) => problems.push(format!(
                "`{}` is {}, the contract says {promised}",
                column.name, column.data_type
            )),
            Some(_) => {}
        }
    }
    for name in promised.keys() {
        if !found.iter().any(|c| c.name == *name) {
            problems.push(format!("`{name}` is in the contract, the query does not give it"));
        }
    }
    problems
}

/// A promise without a length or precision is kept by any.
fn same_type(promised: &str, found: &str) -> bool {
    promised == found || (!promised.contains('(') && base(found) == promised)
}

fn base(data_type: &str) -> String {
    match (data_type.find('('), data_type.find(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &data_type[..open], &data_type[close + 1..]),
        _ => data_type.to_owned(),
    }
}

/// The names PostgreSQL gives to the promised types.
async fn canonical(
    connection: &Connection,
    promised: &[(&String, &String)],
) -> Result<IndexMap<String, String>, SqlError> {
    if promised.is_empty() {
        return Ok(IndexMap::new());
    }
    let list: Vec<String> = promised
        .iter()
        .map(|(name, data_type)| format!("null::{data_type} as {}", ident(name)))
        .collect();
    let columns = connection.describe(&format!("select {}", list.join(", "))).await?;
    Ok(columns.into_iter().map(|c| (c.name, c.data_type)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let promised = IndexMap::from([
            ("id".to_owned(), "integer".to_owned()),
            ("amount".to_owned(), "numeric".to_owned()),
            ("gone".to_owned(), "text".to_owned()),
        ]);
        let column = |name: &str, data_type: &str| Column {
            name: name.into(),
            data_type: data_type.into(),
        };
        let found = [
            column("id", "bigint"),
            column("amount", "numeric(18,6)"),
            column("new", "text"),
        ];
        assert_eq!(
            compare(&promised, &found),
            [
                "`id` is bigint, the contract says integer",
                "`new` (text) is not in the contract",
                "`gone` is in the contract, the query does not give it"
            ]
        );
    }
}
