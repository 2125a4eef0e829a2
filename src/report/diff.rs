//! `diff`: how two versions of a published model differ, for people and for programs.

use std::io::{self, Write};

use serde_json::{Map, Value as Json, json};

use crate::run::{ChangedRow, VersionDiff};
use crate::sql::{Column, Table};

use super::table::{ShowFormat, show, value};
use super::text::harmless;

/// What was compared, and how it differs.
#[derive(Debug)]
pub struct Told {
    /// The published name.
    pub model: String,
    /// The name of the version and its state.
    pub from: (String, String),
    pub to: (String, String),
    pub diff: VersionDiff,
}

pub fn diff(out: &mut impl Write, told: &Told, format: ShowFormat) -> io::Result<()> {
    match format {
        ShowFormat::Text => text(out, told),
        ShowFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &whole(told))?;
            writeln!(out)
        }
    }
}

fn text(out: &mut impl Write, told: &Told) -> io::Result<()> {
    let diff = &told.diff;
    let side = |(name, state): &(String, String)| format!("{} ({state})", harmless(name));
    writeln!(
        out,
        "{}: {} -> {}",
        harmless(&told.model),
        side(&told.from),
        side(&told.to)
    )?;
    for column in &diff.columns.added {
        writeln!(out, "  + {} {}", harmless(&column.name), column.data_type)?;
    }
    for column in &diff.columns.removed {
        writeln!(out, "  - {} {}", harmless(&column.name), column.data_type)?;
    }
    for (column, old) in &diff.columns.retyped {
        writeln!(out, "  ~ {} {old} -> {}", harmless(&column.name), column.data_type)?;
    }
    if let Some(why) = &diff.without_key {
        writeln!(out, "Compared as whole rows: {}", harmless(why))?;
    } else if diff.key.is_empty() {
        writeln!(out, "Compared as whole rows: the model has no key")?;
    } else {
        writeln!(out, "Compared by {}", harmless(&diff.key.join(", ")))?;
    }
    if diff.one_in > 1 {
        writeln!(
            out,
            "A sample of one key in {}, the same on both sides; --whole compares all",
            diff.one_in
        )?;
    }
    writeln!(
        out,
        "{} added, {} changed, {} removed, {} the same",
        diff.added, diff.changed, diff.removed, diff.same
    )?;
    for (column, count) in &diff.by_column {
        writeln!(out, "  {} differs in {count}", harmless(column))?;
    }
    if !diff.changed_rows.is_empty() {
        writeln!(out, "\nChanged ({} of {}):", diff.changed_rows.len(), diff.changed)?;
        show(out, &side_by_side(diff), None, ShowFormat::Text)?;
    }
    for (what, table, count) in [
        ("Added", &diff.added_rows, diff.added),
        ("Removed", &diff.removed_rows, diff.removed),
    ] {
        if !table.rows.is_empty() {
            writeln!(out, "\n{what} ({} of {count}):", table.rows.len())?;
            show(out, table, None, ShowFormat::Text)?;
        }
    }
    Ok(())
}

/// One line a value that differs.
fn side_by_side(diff: &VersionDiff) -> Table {
    let named = diff.key.iter().map(|key| unquoted(key));
    let names = named.chain(["column", "before", "after"].map(str::to_owned));
    let lines = |row: &ChangedRow| {
        let key = row.key.clone();
        let cells = row.cells.clone().into_iter();
        cells
            .map(move |(column, before, after)| {
                let mut line = key.clone();
                line.extend([Some(column), before, after]);
                line
            })
            .collect::<Vec<_>>()
    };
    Table {
        columns: names
            .map(|name| Column {
                name,
                data_type: "text".to_owned(),
            })
            .collect(),
        rows: diff.changed_rows.iter().flat_map(lines).collect(),
        ..Table::default()
    }
}

/// A name as people know it.
fn unquoted(key: &str) -> String {
    match key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(name) => name.replace("\"\"", "\""),
        None => key.to_owned(),
    }
}

fn whole(told: &Told) -> Json {
    let diff = &told.diff;
    let column = |column: &Column| json!({"name": column.name, "data_type": column.data_type});
    let retyped = |(column, old): &(Column, String)| json!({"name": column.name, "data_type": column.data_type, "data_type_before": old});
    let side = |(name, state): &(String, String)| json!({"version": name, "state": state});
    let key: Vec<String> = diff.key.iter().map(|key| unquoted(key)).collect();
    let changed = |row: &ChangedRow| {
        let values = row.key.iter().map(|value| json!(value));
        let named: Map<String, Json> = key.iter().cloned().zip(values).collect();
        let cells = row.cells.iter();
        let cells: Map<String, Json> = cells
            .map(|(column, before, after)| (column.clone(), json!({"before": before, "after": after})))
            .collect();
        json!({"key": named, "columns": cells})
    };
    json!({
        "model": told.model,
        "from": side(&told.from),
        "to": side(&told.to),
        "key": key,
        "without_key": diff.without_key,
        "one_in": diff.one_in,
        "columns": {
            "added": diff.columns.added.iter().map(column).collect::<Vec<_>>(),
            "removed": diff.columns.removed.iter().map(column).collect::<Vec<_>>(),
            "retyped": diff.columns.retyped.iter().map(retyped).collect::<Vec<_>>(),
        },
        "rows": {"added": diff.added, "changed": diff.changed, "removed": diff.removed, "same": diff.same},
        "changed_by_column": diff.by_column.iter().map(|(name, n)| (name.clone(), json!(n))).collect::<Map<_, _>>(),
        "changed": diff.changed_rows.iter().map(changed).collect::<Vec<_>>(),
        "added": rows(&diff.added_rows),
        "removed": rows(&diff.removed_rows),
    })
}

fn rows(table: &Table) -> Vec<Json> {
    let row = |row: &Vec<Option<String>>| {
        let cells = table.columns.iter().zip(row);
        let cells: Map<String, Json> = cells
            .map(|(column, cell)| {
                let written = value(column, cell.as_deref());
                (
                    column.name.clone(),
                    serde_json::from_str(&written).unwrap_or_else(|_| json!(cell)),
                )
            })
            .collect();
        Json::Object(cells)
    };
    table.rows.iter().map(row).collect()
}
