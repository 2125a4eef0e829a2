//! How the rows that a model made differ from those expected, as a table: the alignment and the form of the program
//! `daff` (<https://paulfitz.github.io/daff/>), which dbt prints.
//!
//! `---` marks a row that is missing, `+++` one that was not expected, `→` one with changed cells, `...` what is left out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::{self, Write as _};

use serde_json::Value as Json;

use crate::sql::Table;

/// More columns than this take no part in finding which row became which.
const KEY_COLUMNS: usize = 5;
/// A table wider than this is printed without padding.
const WIDTH: usize = 130;

type Cells = Vec<Option<String>>;

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

/// A row of the one table, of the other, or of both: positions, the headers being at 0.
#[derive(Clone, Copy, Debug)]
struct Pair {
    expected: Option<usize>,
    actual: Option<usize>,
}

impl RowDiff {
    pub fn new(expected: &Table, actual: &Table) -> Option<Self> {
        let header: Cells = expected
            .columns
            .iter()
            .map(|column| Some(column.name.to_lowercase()))
            .collect();
        let side = |table: &Table| {
            let mut rows: Vec<Cells> = table.rows.iter().map(|row| shown(table, row)).collect();
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
            let text = format!("{}→{}", marked(expected[i].as_ref()), marked(actual[i].as_ref()));
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

/// Which row became which, in the order in which they are shown, and the columns that told.
fn aligned(expected: &[Cells], actual: &[Cells]) -> (Vec<Pair>, HashSet<usize>) {
    let mut matching = Matching::new(expected, actual);
    let columns = key_columns(expected, actual);
    let top = 1_usize << columns.len();
    let mut keys = HashSet::new();
    let mut whole = None;
    let mut used_indexes = 0;
    for subset in 1..top {
        if matching.open == 0 {
            break;
        }
        let chosen: Vec<usize> = (0..columns.len())
            .filter(|bit| subset >> bit & 1 == 1)
            .map(|bit| columns[bit])
            .collect();
        keys.extend(chosen.iter().copied());
        let index = Index::new(expected, actual, &chosen);
        let height = expected.len().max(actual.len()).max(1);
        let repeated = index.top_frequency * 10 >= height + 20;
        let last = subset == top - 1;
        if !(repeated && (used_indexes > 0 || !last)) {
            used_indexes += 1;
            matching.link_unique(&index);
        }
        if last {
            whole = Some(index);
        }
    }
    if let Some(index) = whole {
        matching.link_neighbours(&index);
    }
    (matching.pairs(), keys)
}

/// The columns by which rows are told apart: of many, those with the most different values.
fn key_columns(expected: &[Cells], actual: &[Cells]) -> Vec<usize> {
    let width = expected.first().map_or(0, Vec::len);
    let mut columns: Vec<usize> = (0..width).collect();
    if width > KEY_COLUMNS {
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        let different = |rows: &[Cells], column: usize| {
            let values: BTreeSet<String> = rows.iter().map(|row| text(&row[column])).collect();
            values.len()
        };
        columns.sort_by_key(|column| std::cmp::Reverse(different(expected, *column) + different(actual, *column)));
        columns.truncate(KEY_COLUMNS);
    }
    columns
}

/// The rows of both tables by what some of their columns hold.
struct Index {
    expected: Vec<String>,
    actual: Vec<String>,
    rows: HashMap<String, (Vec<usize>, Vec<usize>)>,
    top_frequency: usize,
}

impl Index {
    fn new(expected: &[Cells], actual: &[Cells], columns: &[usize]) -> Self {
        let key = |(i, row): (usize, &Cells)| {
            let mut key = String::from(if i == 0 { "_" } else { "" });
            for (k, column) in columns.iter().enumerate() {
                if k > 0 {
                    key.push_str(" // ");
                }
                key.push_str(match row[*column].as_deref() {
                    None | Some("null" | "undefined") => "",
                    Some(text) => text,
                });
            }
            key
        };
        let mut index = Self {
            expected: expected.iter().enumerate().map(key).collect(),
            actual: actual.iter().enumerate().map(key).collect(),
            rows: HashMap::new(),
            top_frequency: 0,
        };
        for (i, key) in index.expected.iter().enumerate() {
            index.rows.entry(key.clone()).or_default().0.push(i);
        }
        for (i, key) in index.actual.iter().enumerate() {
            index.rows.entry(key.clone()).or_default().1.push(i);
        }
        let counts = index.rows.values().map(|(a, b)| a.len().max(b.len()));
        index.top_frequency = counts.max().unwrap_or(0);
        index
    }

    /// The one row of the other table with the same key, where both tables have it once.
    fn only(&self, row: usize) -> Option<usize> {
        let key = &self.expected[row];
        match self.rows.get(key)? {
            (one, other) if one.len() == 1 && !key.is_empty() => match other[..] {
                [only] => Some(only),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What has been found so far.
struct Matching {
    /// By row of the expected table.
    to_actual: Vec<Option<usize>>,
    to_expected: Vec<Option<usize>>,
    /// Rows of each table that have found nothing yet.
    open: usize,
    open_actual: usize,
}

impl Matching {
    fn new(expected: &[Cells], actual: &[Cells]) -> Self {
        Self {
            to_actual: vec![None; expected.len()],
            to_expected: vec![None; actual.len()],
            open: expected.len(),
            open_actual: actual.len(),
        }
    }

    fn link(&mut self, expected: usize, actual: usize) {
        self.to_actual[expected] = Some(actual);
        self.to_expected[actual] = Some(expected);
    }

    fn link_unique(&mut self, index: &Index) {
        for row in 0..self.to_actual.len() {
            if self.to_actual[row].is_some() {
                continue;
            }
            if let Some(other) = index.only(row)
                && self.to_expected[other].is_none()
            {
                self.link(row, other);
                self.open -= 1;
                self.open_actual -= 1;
            }
        }
    }

    /// Rows that occur more than once follow the rows next to them.
    fn link_neighbours(&mut self, index: &Index) {
        for backwards in [false, true] {
            if self.open == 0 {
                break;
            }
            let mut next = (backwards && !self.to_expected.is_empty()).then(|| self.to_expected.len() - 1);
            for step in 0..self.to_actual.len() {
                let row = if backwards {
                    self.to_actual.len() - 1 - step
                } else {
                    step
                };
                if let Some(other) = self.to_actual[row] {
                    next = beside(other, backwards, self.to_expected.len());
                    if next.is_none() {
                        break;
                    }
                    continue;
                }
                let Some(other) = next else { continue };
                if index.expected[row] != index.actual[other] || self.to_expected[other].is_some() {
                    continue;
                }
                self.link(row, other);
                self.open -= 1;
                next = beside(other, backwards, self.to_expected.len());
                if next.is_none() || self.open == 0 {
                    break;
                }
            }
        }
        for backwards in [false, true] {
            if self.open_actual == 0 {
                break;
            }
            let mut next = (backwards && !self.to_actual.is_empty()).then(|| self.to_actual.len() - 1);
            for step in 0..self.to_expected.len() {
                let row = if backwards {
                    self.to_expected.len() - 1 - step
                } else {
                    step
                };
                if let Some(other) = self.to_expected[row] {
                    next = beside(other, backwards, self.to_actual.len());
                    if next.is_none() {
                        break;
                    }
                    continue;
                }
                let Some(other) = next else { continue };
                if index.expected[other] != index.actual[row] || self.to_actual[other].is_some() {
                    continue;
                }
                self.link(other, row);
                self.open_actual -= 1;
                next = beside(other, backwards, self.to_actual.len());
                if next.is_none() || self.open_actual == 0 {
                    break;
                }
            }
        }
    }

    /// All rows but the headers: those of the actual table in its order, missing ones before the first that follows them.
    fn pairs(&self) -> Vec<Pair> {
        let mut missing = (1..self.to_actual.len())
            .filter(|row| self.to_actual[*row].is_none())
            .peekable();
        let gone = |row| Pair {
            expected: Some(row),
            actual: None,
        };
        let mut pairs = Vec::new();
        for row in 1..self.to_expected.len() {
            let there = self.to_expected[row];
            while let Some(next) = missing.next_if(|next| there.is_some_and(|there| there > *next)) {
                pairs.push(gone(next));
            }
            pairs.push(Pair {
                expected: there,
                actual: Some(row),
            });
        }
        pairs.extend(missing.map(gone));
        pairs
    }
}

fn beside(row: usize, backwards: bool, height: usize) -> Option<usize> {
    if backwards {
        row.checked_sub(1)
    } else {
        Some(row + 1).filter(|row| *row < height)
    }
}

/// The cells of a row as dbt prints them.
fn shown(table: &Table, row: &[Option<String>]) -> Cells {
    let cells = row.iter().zip(&table.columns);
    cells
        .map(|(cell, column)| cell.as_ref().map(|text| as_dbt(text, &column.data_type)))
        .collect()
}

fn as_dbt(text: &str, data_type: &str) -> String {
    match data_type {
        "boolean" => if text.starts_with('t') { "True" } else { "False" }.to_owned(),
        "real" | "double precision" if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => format!("{text}.0"),
        "json" => serde_json::from_str::<Json>(text).map_or_else(|_| text.to_owned(), |json| json.to_string()),
        _ if data_type.starts_with("timestamp") && data_type.ends_with("with time zone") => {
            let short = text.len() > 3 && matches!(text.as_bytes()[text.len() - 3], b'+' | b'-');
            format!("{text}{}", if short { ":00" } else { "" })
        }
        _ => text.to_owned(),
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

    #[test]
    fn values_print_as_in_python() {
        let shown = [
            as_dbt("t", "boolean"),
            as_dbt("2", "double precision"),
            as_dbt("2020-01-01 00:00:00+00", "timestamp with time zone"),
            as_dbt("{\"b\":  1}", "json"),
            as_dbt("1.50", "numeric"),
        ];
        assert_eq!(shown, ["True", "2.0", "2020-01-01 00:00:00+00:00", "{\"b\":1}", "1.50"]);
    }
}
