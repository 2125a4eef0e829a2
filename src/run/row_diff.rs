//! How the rows that a model made differ from those expected, as a table: the alignment and the form of the program
//! `daff` (<https://paulfitz.github.io/daff/>), which dbt prints.
//!
//! `---` marks a row that is missing, `+++` one that was not expected, `→` one with changed cells, `...` what is left out.

use std::fmt::{self, Write as _};

use crate::jinja::printed;
use crate::sql::Table;

use super::row_match::{Cells, aligned};

/// A table wider than this is printed without padding.
const WIDTH: usize = 130;

/// Only where there is a difference; prints the table.
#[derive(Clone, Debug)]
pub struct RowDiff {
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
struct Cell {
    /// As it is printed.
    text: String,
    /// The same for measuring the columns.
    measured: usize,
}

impl RowDiff {
    pub fn new(expected: &Table, actual: &Table) -> Option<Self> {
        let header: Cells = expected
            .columns
            .iter()
            .map(|column| Some(column.name.to_lowercase()))
            .collect();
        let side = |table: &Table| {
            let mut rows: Vec<Cells> = printed(table).rows;
            rows.sort_by(|a, b| compare(table, a, b));
            rows.insert(0, header.clone());
            rows
        };
        Self::of(&side(expected), &side(actual))
    }

    /// Both with their headers first, in the order in which their rows are to be compared.
    fn of(expected: &[Cells], actual: &[Cells]) -> Option<Self> {
        let (pairs, keys) = aligned(expected, actual);
        let width = expected.first().map_or(0, Vec::len);
        // 0 left out, 1 changed, 2 near a change, 3 dots.
        let mut columns: Vec<u8> = (0..width).map(|i| u8::from(keys.contains(&i))).collect();
        let mut rows: Vec<u8> = Vec::with_capacity(pairs.len());
        for pair in &pairs {
            let active = match (pair.expected, pair.actual) {
                (Some(e), Some(a)) => {
                    let changed = (0..width).filter(|i| expected[e][*i] != actual[a][*i]);
                    let mut any = false;
                    for column in changed {
                        columns[column] = 1;
                        any = true;
                    }
                    any
                }
                (None, _) => {
                    columns.fill(1);
                    true
                }
                _ => true,
            };
            rows.push(u8::from(active));
        }
        if !rows.contains(&1) {
            return None;
        }
        spread(&mut rows);
        spread(&mut columns);
        for column in &mut columns {
            if *column == 3 {
                *column = 0;
            }
        }
        let print = Print { columns: &columns };
        let mut table = vec![print.header(&expected[0])];
        let mut dots = false;
        for (pair, active) in pairs.iter().zip(rows) {
            match active {
                0 => continue,
                3 => {
                    if !dots {
                        table.push(print.dots());
                    }
                    dots = true;
                    continue;
                }
                _ => dots = false,
            }
            table.push(match (pair.expected, pair.actual) {
                (Some(e), Some(a)) => print.both(&expected[e], &actual[a]),
                (Some(e), None) => print.one("---", &expected[e]),
                (None, Some(a)) => print.one("+++", &actual[a]),
                (None, None) => continue,
            });
        }
        Some(Self { rows: table })
    }
}

impl fmt::Display for RowDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = sizes(&self.rows);
        for row in &self.rows {
            let (mut target, mut at) = (0, 0);
            for (i, cell) in row.iter().enumerate() {
                if let Some(sizes) = &sizes {
                    for _ in at..target {
                        f.write_char(' ')?;
                    }
                    at = at.max(target) + cell.measured;
                    target += sizes[i];
                }
                if i > 0 {
                    f.write_char(',')?;
                }
                f.write_str(&cell.text)?;
            }
            f.write_char('\n')?;
        }
        Ok(())
    }
}

/// The widths of the columns: that of the widest cell, unless it stands out; `None` where the whole is too wide.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths of cells are small, and the average of none is never asked for"
)]
fn sizes(rows: &[Vec<Cell>]) -> Option<Vec<usize>> {
    let width = rows.first()?.len();
    let count = rows.len() as f64;
    let header = rows.iter().position(|row| row[0].text == "@@");
    let mut sizes = Vec::with_capacity(width);
    for column in 0..width {
        let lengths: Vec<usize> = rows.iter().map(|row| row[column].measured).collect();
        let mean = lengths.iter().sum::<usize>() as f64 / count;
        let squares = lengths.iter().map(|length| length * length).sum::<usize>() as f64 / count;
        let deviation = (squares - mean * mean).max(0.0).sqrt();
        let most = (mean + deviation * 2.0 + 0.5) as usize;
        let widest = lengths
            .iter()
            .copied()
            .filter(|length| *length <= most)
            .max()
            .unwrap_or(0);
        let least = header.map_or(0, |row| lengths[row]);
        sizes.push(widest.max(least));
    }
    let total = width - 1 + sizes.iter().sum::<usize>();
    (total <= WIDTH).then_some(sizes)
}

/// What is written of the columns.
struct Print<'a> {
    columns: &'a [u8],
}

impl Print<'_> {
    /// A row of what each column holds; runs of columns that are left out become one.
    fn row(&self, mark: &str, mut cell: impl FnMut(usize) -> Cell) -> Vec<Cell> {
        let mut row = vec![plain(mark)];
        let mut left_out = false;
        for (i, active) in self.columns.iter().enumerate() {
            if *active == 0 {
                if !left_out {
                    row.push(plain("..."));
                }
                left_out = true;
            } else {
                left_out = false;
                row.push(cell(i));
            }
        }
        row
    }

    fn header(&self, names: &Cells) -> Vec<Cell> {
        self.row("@@", |i| plain(names[i].as_deref().unwrap_or_default()))
    }

    fn dots(&self) -> Vec<Cell> {
        self.row("...", |_| plain("..."))
    }

    /// A row of one table alone.
    fn one(&self, mark: &str, cells: &Cells) -> Vec<Cell> {
        self.row(mark, |i| match &cells[i] {
            Some(text) => Cell {
                text: quoted(text, false),
                measured: quoted(text, true).chars().count(),
            },
            None => plain("null"),
        })
    }

    fn both(&self, expected: &Cells, actual: &Cells) -> Vec<Cell> {
        let changed = expected != actual;
        let arrow = if changed { "→" } else { "" };
        self.row(arrow, |i| {
            if expected[i] == actual[i] {
                return match &expected[i] {
                    Some(text) => plain(&quoted(text, true)),
                    None => plain("NULL"),
                };
            }
            let (before, after) = (marked(expected[i].as_ref()), marked(actual[i].as_ref()));
            let before = spaced(&before, &after);
            let text = format!("{before}→{}", spaced(&after, &before));
            Cell {
                measured: quoted(&text, true).chars().count(),
                text: quoted(&text, false),
            }
        })
    }
}

fn plain(text: &str) -> Cell {
    Cell {
        text: text.to_owned(),
        measured: text.chars().count(),
    }
}

/// Text that could be taken for a missing value is marked.
fn marked(cell: Option<&String>) -> String {
    match cell {
        None => "NULL".to_owned(),
        Some(text) if text.trim_start_matches('_') == "NULL" => format!("_{text}"),
        Some(text) => text.clone(),
    }
}

/// Where two texts differ in their blanks alone, the blanks that the other has not are shown as `␣`.
fn spaced(text: &str, other: &str) -> String {
    let solid = |text: &str| text.replace(' ', "");
    if solid(text) != solid(other) {
        return text.to_owned();
    }
    let mut others = other.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != ' ' {
            while others.next_if_eq(&' ').is_some() {}
        }
        if others.next_if_eq(&c).is_some() {
            shown.push(c);
        } else {
            shown.push('␣');
        }
    }
    shown
}

/// As CSV has it. Cells in colour are not quoted for their blanks.
fn quoted(text: &str, blanks: bool) -> String {
    let blank = blanks && (text.starts_with(' ') || text.ends_with(' '));
    if blank || text.contains(['"', '\r', '\n', '\t', ',']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Marks what is next to a change as shown, and what comes after that as dots.
fn spread(active: &mut [u8]) {
    for reversed in [false, true] {
        let mut mark: Option<usize> = None;
        for step in 0..active.len() {
            let i = if reversed { active.len() - 1 - step } else { step };
            match active[i] {
                1 => mark = Some(i),
                0 | 3 => match mark.map(|mark| mark.abs_diff(i)) {
                    Some(0 | 1) => active[i] = 2,
                    Some(2) => active[i] = 3,
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

/// Column by column, numbers as numbers, missing values last.
fn compare(table: &Table, a: &Cells, b: &Cells) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Equal, Greater, Less};
    for ((one, other), column) in a.iter().zip(b).zip(&table.columns) {
        let order = match (one, other) {
            (None, None) => Equal,
            (None, Some(_)) => Greater,
            (Some(_), None) => Less,
            (Some(one), Some(other)) => by_value(one, other, &column.data_type),
        };
        if order != Equal {
            return order;
        }
    }
    Equal
}

fn by_value(one: &str, other: &str, data_type: &str) -> std::cmp::Ordering {
    let number = ["int", "numeric", "real", "double", "small", "big"]
        .iter()
        .any(|kind| data_type.starts_with(kind))
        && !data_type.ends_with("[]")
        && !data_type.starts_with("interval");
    if number && let (Ok(one), Ok(other)) = (one.parse::<f64>(), other.parse::<f64>()) {
        return one.total_cmp(&other);
    }
    one.cmp(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Column;

    /// What daff 1.4 prints for the same tables.
    #[test]
    fn prints_what_daff_prints() {
        let cases = include_str!("../../tests/it/fixtures/row_diff.json");
        let cases: Vec<(Vec<Cells>, Vec<Cells>, Option<String>)> = serde_json::from_str(cases).expect("cases");
        let mut wrong = Vec::new();
        for (expected, actual, text) in &cases {
            let found = RowDiff::of(expected, actual).map(|diff| diff.to_string());
            if found != *text {
                wrong.push(format!(
                    "{}\nours\n{}\ndaff's\n{}",
                    serde_json::to_string(&(expected, actual)).unwrap_or_default(),
                    found.unwrap_or_default(),
                    text.clone().unwrap_or_default()
                ));
            }
        }
        assert!(cases.len() >= 60, "{}", cases.len());
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}",
            wrong.len(),
            cases.len(),
            wrong.join("\n")
        );
    }

    /// Where a row stands on one side alone dbt writes values as Python's `repr` does, with `\r\n` between lines; here
    /// they read as in any other row. `tests/parity/projects/unit_test_prints` has what is the same.
    #[test]
    fn a_row_of_one_side_reads_as_any_other() {
        let columns = [
            ("id", "integer"),
            ("amount", "numeric(10,2)"),
            ("day", "date"),
            ("at", "timestamp without time zone"),
            ("ok", "boolean"),
        ];
        let table = |rows: &[[&str; 5]]| Table {
            columns: columns
                .map(|(name, data_type)| Column {
                    name: name.to_owned(),
                    data_type: data_type.to_owned(),
                })
                .to_vec(),
            rows: rows
                .iter()
                .map(|row| row.map(|cell| Some(cell.to_owned())).to_vec())
                .collect(),
            ..Table::default()
        };
        let diff = RowDiff::new(
            &table(&[]),
            &table(&[["1", "1.50", "2020-01-31", "2020-01-31 12:00:00.5", "t"]]),
        );
        let dbt = "@@ ,id,amount,day,at,ok\r\n+++,1,Decimal('1.50'),\"datetime.date(2020, 1, 31)\",\"datetime.datetime(2020, 1, 31, 12, 0, 0, 500000)\",true\r\n";
        let ours = diff.expect("a difference").to_string();
        let bare = |text: &str| text.replace(' ', "");
        let as_values = bare(dbt)
            .replace("\r\n", "\n")
            .replace("Decimal('1.50')", "1.50")
            .replace("\"datetime.date(2020,1,31)\"", "2020-01-31")
            .replace(
                "\"datetime.datetime(2020,1,31,12,0,0,500000)\"",
                "2020-01-3112:00:00.500000",
            )
            .replace("true", "True");
        assert_eq!(bare(&ours), as_values);
    }
}
