//! What a model promised about its columns, against what its query gives.

use indexmap::IndexMap;

use crate::graph::{Node, NodeColumn};
use crate::postgres::{Connection, SqlError};
use crate::sql::{Column, ident};

/// What is broken, as a table; `None` where the contract is kept. Types are compared by the names that PostgreSQL gives
/// them, so that `int` and `integer` are the same.
pub(super) async fn mismatches(
    connection: &Connection,
    node: &Node,
    found: &[Column],
) -> Result<Option<String>, SqlError> {
    let promised: Vec<(String, &str)> = node
        .columns
        .values()
        .filter_map(|c| Some((folded(c), node.config.promised_type(c.data_type.as_deref()?))))
        .collect();
    let names = canonical(connection, &promised).await?;
    Ok(table(&compare(&names, found)))
}

/// Columns of a contract without a type.
pub(super) fn untyped(node: &Node) -> Vec<&str> {
    let columns = node.columns.values().filter(|column| column.data_type.is_none());
    columns.map(|column| column.name.as_str()).collect()
}

/// The name that the column has in the database.
fn folded(column: &NodeColumn) -> String {
    if column.quote {
        column.name.clone()
    } else {
        column.name.to_lowercase()
    }
}

const HEADS: [&str; 4] = ["column_name", "definition_type", "contract_type", "mismatch_reason"];

/// The rows below their heads, in dbt's form.
fn table(rows: &[[String; 4]]) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let width = |i: usize| {
        rows.iter()
            .map(|row| row[i].chars().count())
            .chain([HEADS[i].len()])
            .max()
    };
    let widths: Vec<usize> = (0..4).filter_map(width).collect();
    let line = |cells: [&str; 4]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut lines = vec![line(HEADS), format!("| {} |", rule.join(" | "))];
    lines.extend(rows.iter().map(|row| line([&row[0], &row[1], &row[2], &row[3]])));
    Some(lines.join("\n"))
}

/// Column, type in the query, type in the contract, what is wrong; by the names of the columns.
fn compare(promised: &IndexMap<String, String>, found: &[Column]) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for column in found {
        let contract = promised.get(&column.name);
        let reason = match contract {
            None => "missing in contract",
            Some(promised) if !same_type(promised, &column.data_type) => "data type mismatch",
            Some(_) => continue,
        };
        let contract = contract.cloned().unwrap_or_default();
        rows.push([
            column.name.clone(),
            column.data_type.clone(),
            contract,
            reason.to_owned(),
        ]);
    }
    for (name, promised) in promised {
        if !found.iter().any(|c| c.name == *name) {
            let reason = "missing in definition".to_owned();
            rows.push([name.clone(), String::new(), promised.clone(), reason]);
        }
    }
    rows.sort();
    rows
}

/// Lengths and precisions are left out, as in dbt: the table is made with those of the contract.
fn same_type(promised: &str, found: &str) -> bool {
    base(promised) == base(found)
}

fn base(data_type: &str) -> String {
    match (data_type.find('('), data_type.find(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &data_type[..open], &data_type[close + 1..]),
        _ => data_type.to_owned(),
    }
}

/// The names PostgreSQL gives to the promised types.
async fn canonical(connection: &Connection, promised: &[(String, &str)]) -> Result<IndexMap<String, String>, SqlError> {
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
        insta::assert_snapshot!(table(&compare(&promised, &found)).unwrap_or_default(), @r"
        | column_name | definition_type | contract_type | mismatch_reason       |
        | ----------- | --------------- | ------------- | --------------------- |
        | gone        |                 | text          | missing in definition |
        | id          | bigint          | integer       | data type mismatch    |
        | new         | text            |               | missing in contract   |
        ");
    }
}
