//! A result as text: agate's table, CSV and JSON.

use minijinja::Value;
use minijinja::{Error, value::ValueKind};
use serde_json::{Map, Value as Json};

use super::row::{cells, iso};
use super::table::ResultTable;
use crate::jinja::value::{Decimal, JsonStyle, invalid, json_text, to_json};

/// Cut to a width, with dots at the end.
fn cut(text: String, width: usize) -> String {
    if text.chars().count() <= width {
        return text;
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    kept + "..."
}

/// With commas between thousands and the places of its column.
fn grouped(number: Decimal, places: u32, more: bool) -> String {
    if number.is_special() {
        return number.to_string();
    }
    let text = number.rounded(i32::try_from(places).unwrap_or(0)).to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let dots = if more { "…" } else { "" };
    format!("{sign}{out}{point}{fraction}{dots}")
}

fn is_text(data_type: &str) -> bool {
    let number = [
        "smallint",
        "integer",
        "bigint",
        "oid",
        "numeric",
        "decimal",
        "real",
        "double precision",
        "boolean",
        "date",
    ];
    let base = data_type.split('(').next().unwrap_or("").trim();
    !number.contains(&base) && !base.starts_with("timestamp")
}

impl ResultTable {
    /// Whether agate holds a column for text: what has no value at all it holds for a number.
    fn holds_text(&self, at: usize) -> bool {
        is_text(&self.types[at]) && self.rows.iter().any(|row| !cells(row)[at].is_none())
    }

    /// Names and types, as agate prints a table itself.
    pub(super) fn structure(&self) -> String {
        let kind = |at: usize| {
            let base = self.types[at].split('(').next().unwrap_or("").trim();
            match base {
                _ if self.rows.iter().all(|row| cells(row)[at].is_none()) => "Integer",
                "smallint" | "integer" | "bigint" | "oid" => "Integer",
                "numeric" | "decimal" | "real" | "double precision" => "Number",
                "boolean" => "Boolean",
                "date" => "Date",
                _ if base.starts_with("timestamp") => "DateTime",
                _ => "Text",
            }
        };
        let kinds: Vec<_> = (0..self.names.len()).map(kind).collect();
        let name_width = self
            .names
            .iter()
            .map(|n| n.chars().count())
            .chain([6])
            .max()
            .unwrap_or(6);
        let kind_width = kinds.iter().map(|k| k.len()).chain([9]).max().unwrap_or(9);
        let mut out = format!("| {:<name_width$} | {:<kind_width$} |\n", "column", "data_type");
        out.push_str(&format!(
            "| {} | {} |\n",
            "-".repeat(name_width),
            "-".repeat(kind_width)
        ));
        for (name, kind) in self.names.iter().zip(kinds) {
            out.push_str(&format!("| {name:<name_width$} | {kind:<kind_width$} |\n"));
        }
        out
    }

    /// `print_table`: the first rows and columns in a frame.
    pub(super) fn printed(&self, max_rows: usize, max_columns: usize, width: usize, precision: usize) -> String {
        let shown = self.names.len().min(max_columns);
        let mut head: Vec<_> = self.names[..shown].iter().map(|n| cut(n.clone(), width)).collect();
        if shown < self.names.len() {
            head.push("...".to_owned());
        }
        let rows: Vec<_> = self.rows.iter().take(max_rows).map(cells).collect();
        let precision = u32::try_from(precision).unwrap_or(u32::MAX);
        let places: Vec<Option<u32>> = (0..shown)
            .map(|i| {
                let numbers = rows.iter().map(|row| &row[i]).filter(|v| Decimal::is(v));
                numbers.filter_map(Decimal::of).map(Decimal::places).max()
            })
            .collect();
        let mut body: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                let cell = |i: usize| match (&row[i], places[i]) {
                    (none, _) if none.is_none() => String::new(),
                    (value, Some(places)) => match Decimal::of(value) {
                        Some(number) => grouped(number, places.min(precision), places > precision),
                        None => value.to_string(),
                    },
                    (value, None) => value.to_string(),
                };
                let mut out: Vec<_> = (0..shown).map(|i| cut(cell(i), width)).collect();
                if shown < row.len() {
                    out.push("...".to_owned());
                }
                out
            })
            .collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|i| {
                let lengths = body.iter().map(|row| row[i].chars().count());
                lengths.chain([head[i].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        if self.rows.len() > max_rows {
            body.push(vec!["...".to_owned(); head.len()]);
        }
        let line = |row: &[String]| {
            let padded: Vec<_> = row
                .iter()
                .enumerate()
                .map(|(i, text)| {
                    let blanks = " ".repeat(widths[i].saturating_sub(text.chars().count()));
                    if self.holds_text(i) {
                        format!(" {text}{blanks} ")
                    } else {
                        format!(" {blanks}{text} ")
                    }
                })
                .collect();
            format!("|{}|\n", padded.join("|"))
        };
        let dashes: Vec<_> = widths.iter().map(|w| "-".repeat(*w)).collect();
        let mut out = line(&head);
        out.push_str(&format!("| {} |\n", dashes.join(" | ")));
        out.extend(body.iter().map(|row| line(row)));
        out
    }

    /// `print_csv`
    pub(super) fn csv(&self) -> String {
        let quoted = |text: &str| {
            if text.contains(['"', ',', '\n', '\r']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.to_owned()
            }
        };
        let line = |cells: Vec<String>| cells.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(",") + "\n";
        let mut out = line(self.names.to_vec());
        for row in &self.rows {
            out.push_str(&line(cells(row).iter().map(written).collect()));
        }
        out
    }

    /// `print_json`
    pub(super) fn json(&self, key: Option<String>, newline: bool, indent: Option<usize>) -> Result<String, Error> {
        let style = JsonStyle {
            sort_keys: false,
            indent,
            unicode: true,
        };
        let object = |row: &Value| {
            let values = cells(row).iter().map(|v| match Decimal::of(v) {
                Some(number) if Decimal::is(v) => Json::from(number.to_f64()),
                _ if matches!(v.kind(), ValueKind::Plain) => Json::from(written(v)),
                _ => to_json(v),
            });
            Json::Object(self.names.iter().cloned().zip(values).collect())
        };
        if newline {
            let line = |row| json_text(&object(row), style) + "\n";
            return Ok(self.rows.iter().map(line).collect());
        }
        let Some(key) = key else {
            return Ok(json_text(&self.rows.iter().map(object).collect(), style));
        };
        let at = self.names.iter().position(|name| *name == key);
        let at = at.ok_or_else(|| invalid(format!("the table has no column `{key}`")))?;
        let mut out = Map::new();
        for row in &self.rows {
            out.insert(cells(row)[at].to_string(), object(row));
        }
        Ok(json_text(&Json::Object(out), style))
    }
}

/// As a file has it: moments in ISO format.
fn written(value: &Value) -> String {
    if value.is_none() {
        return String::new();
    }
    iso(value)
}
