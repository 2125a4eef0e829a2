//! `show`: rows of a query, for eyes or for programs.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::sql::{Column, Table};

use super::text::harmless;

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShowFormat {
    #[default]
    Text,
    Json,
}

/// Writes the rows. `name` is the node's, where a node is shown and not a query of its own.
pub fn show(out: &mut impl Write, table: &Table, name: Option<&str>, format: ShowFormat) -> io::Result<()> {
    match format {
        ShowFormat::Text => text(out, table),
        ShowFormat::Json => json(out, table, name),
    }
}

/// Whether the values of a type are numbers in JSON too.
fn is_number(column: &Column) -> bool {
    let name = column.data_type.split('(').next().unwrap_or_default().trim();
    matches!(
        name,
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" | "oid"
    )
}

fn text(out: &mut impl Write, table: &Table) -> io::Result<()> {
    let cells: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| cell.as_deref().map(one_line).unwrap_or_default())
                .collect()
        })
        .collect();
    let heads: Vec<String> = table.columns.iter().map(|column| one_line(&column.name)).collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(i, head)| {
            let widest = cells.iter().filter_map(|row| row.get(i)).map(|cell| cell.width()).max();
            head.width().max(widest.unwrap_or(0)).max(1)
        })
        .collect();
    let mut write_row = |row: &[String], number: &dyn Fn(usize) -> bool| -> io::Result<()> {
        write!(out, "|")?;
        for (i, width) in widths.iter().enumerate() {
            let cell = row.get(i).map_or("", String::as_str);
            let gap = " ".repeat(width - cell.width().min(*width));
            if number(i) {
                write!(out, " {gap}{cell} |")?;
            } else {
                write!(out, " {cell}{gap} |")?;
            }
        }
        writeln!(out)
    };
    let right = |i: usize| table.columns.get(i).is_some_and(is_number);
    write_row(&heads, &right)?;
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    write_row(&rule, &|_| false)?;
    cells.iter().try_for_each(|row| write_row(row, &right))
}

/// A value on one line: line ends and tabs shown as they are written in a string.
fn one_line(value: &str) -> String {
    harmless(&value.replace('\n', "\\n").replace('\t', "\\t"))
}

/// Numbers as the server wrote them, digit for digit, so that no numeric loses its end.
fn json(out: &mut impl Write, table: &Table, name: Option<&str>) -> io::Result<()> {
    writeln!(out, "{{")?;
    if let Some(name) = name {
        writeln!(out, "  \"node\": {},", quoted(name))?;
    }
    if table.rows.is_empty() {
        writeln!(out, "  \"show\": []")?;
        return writeln!(out, "}}");
    }
    writeln!(out, "  \"show\": [")?;
    for (i, row) in table.rows.iter().enumerate() {
        writeln!(out, "    {{")?;
        for (j, (column, cell)) in table.columns.iter().zip(row).enumerate() {
            let comma = if j + 1 < table.columns.len() { "," } else { "" };
            writeln!(
                out,
                "      {}: {}{comma}",
                quoted(&column.name),
                value(column, cell.as_deref())
            )?;
        }
        writeln!(out, "    }}{}", if i + 1 < table.rows.len() { "," } else { "" })?;
    }
    writeln!(out, "  ]")?;
    writeln!(out, "}}")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn value(column: &Column, cell: Option<&str>) -> String {
    match cell {
        None => "null".to_owned(),
        Some("t") if column.data_type == "boolean" => "true".to_owned(),
        Some("f") if column.data_type == "boolean" => "false".to_owned(),
        // `NaN` and `Infinity` are no numbers to JSON.
        Some(text) if is_number(column) && text.chars().any(|c| c.is_ascii_digit()) => text.to_owned(),
        Some(text) => quoted(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |name: &str, data_type: &str| Column {
            name: name.into(),
            data_type: data_type.into(),
        };
        let row = |cells: [Option<&str>; 4]| cells.map(|cell| cell.map(str::to_owned)).to_vec();
        Table {
            columns: vec![
                column("id", "bigint"),
                column("name", "character varying(20)"),
                column("amount", "numeric(30,10)"),
                column("paid", "boolean"),
            ],
            rows: vec![
                row([
                    Some("1"),
                    Some("Chloé"),
                    Some("12345678901234567890.1234567890"),
                    Some("t"),
                ]),
                row([Some("10"), Some("two\nlines \"quoted\" c:\\x"), Some("NaN"), Some("f")]),
                row([None, Some("日本"), None, None]),
            ],
            ..Table::default()
        }
    }

    fn shown(table: &Table, name: Option<&str>, format: ShowFormat) -> String {
        let mut out = Vec::new();
        show(&mut out, table, name, format).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn for_eyes() {
        insta::assert_snapshot!(shown(&table(), None, ShowFormat::Text), @r#"
            | id | name                     |                          amount | paid |
            | -- | ------------------------ | ------------------------------- | ---- |
            |  1 | Chloé                    | 12345678901234567890.1234567890 | t    |
            | 10 | two\nlines "quoted" c:\x |                             NaN | f    |
            |    | 日本                     |                                 |      |
            "#);
    }

    #[test]
    fn for_programs() {
        let text = shown(&table(), Some("orders"), ShowFormat::Json);
        serde_json::from_str::<serde_json::Value>(&text).expect("it is JSON");
        insta::assert_snapshot!(text, @r#"
            {
              "node": "orders",
              "show": [
                {
                  "id": 1,
                  "name": "Chloé",
                  "amount": 12345678901234567890.1234567890,
                  "paid": true
                },
                {
                  "id": 10,
                  "name": "two\nlines \"quoted\" c:\\x",
                  "amount": "NaN",
                  "paid": false
                },
                {
                  "id": null,
                  "name": "日本",
                  "amount": null,
                  "paid": null
                }
              ]
            }
            "#);
        let none = Table {
            rows: vec![],
            ..table()
        };
        insta::assert_snapshot!(shown(&none, None, ShowFormat::Json), @r#"
            {
              "show": []
            }
            "#);
    }
}
