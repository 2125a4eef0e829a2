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

/// As dbt tells types apart: by the class in which its driver reads them, without lengths and precisions. The table is
/// made with the types of the contract all the same, and PostgreSQL converts within a class when rows are assigned.
fn same_type(promised: &str, found: &str) -> bool {
    let (promised, found) = (base(promised), base(found));
    promised == found || class(&promised).is_some_and(|one| class(&found) == Some(one))
}

/// Types that a contract takes for one another, and the same for their arrays.
const CLASSES: [&[&str]; 4] = [
    &["text", "character varying", "character", "name", "\"char\""],
    &["smallint", "integer"],
    &["real", "double precision"],
    &["time without time zone", "time with time zone"],
];

/// The class of a type, and whether it is an array.
fn class(data_type: &str) -> Option<(usize, bool)> {
    let (element, is_array) = data_type.strip_suffix("[]").map_or((data_type, false), |e| (e, true));
    let class = CLASSES.iter().position(|class| class.contains(&element))?;
    Some((class, is_array))
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
    fn types_of_a_class_are_the_same() {
        for (promised, found) in [
            ("character varying(10)", "text"),
            ("smallint", "integer"),
            ("real", "double precision"),
            ("text[]", "character varying[]"),
            ("time with time zone", "time(3) without time zone"),
            ("numeric(3,1)", "numeric"),
            ("uuid", "uuid"),
        ] {
            assert!(
                same_type(promised, found) && same_type(found, promised),
                "{promised} {found}"
            );
        }
        for (promised, found) in [
            ("bigint", "integer"),
            ("text[]", "text"),
            ("numeric", "double precision"),
            ("json", "jsonb"),
            ("timestamp with time zone", "timestamp without time zone"),
            ("uuid", "text"),
        ] {
            assert!(!same_type(promised, found), "{promised} {found}");
        }
    }

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
