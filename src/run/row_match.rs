//! Which row of one table became which row of another, as the program `daff` tells it: rows that agree in some of their
//! columns and in no other row belong together, and what is left follows its neighbours.

use std::collections::{BTreeSet, HashMap, HashSet};

/// More columns than this take no part in finding which row became which.
const KEY_COLUMNS: usize = 5;
pub(super) type Cells = Vec<Option<String>>;

/// A row of the one table, of the other, or of both: positions, the headers being at 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub expected: Option<usize>,
    pub actual: Option<usize>,
}

/// Which row became which, in the order in which they are shown, and the columns that told.
pub(super) fn aligned(expected: &[Cells], actual: &[Cells]) -> (Vec<Pair>, HashSet<usize>) {
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
