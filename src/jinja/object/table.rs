//! Results of queries, shaped as people use agate's tables.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::{Map, Value as Json};

use super::cell::cell;
use super::response::ResponseObject;
use super::row::{Named, ResultColumn, cells, lists, order};
use crate::jinja::value::{
    Decimal, argument, describe, equal, integer, invalid, items, pairs, split_kwargs, text_argument, to_json,
};
use crate::sql::{Column, Table};

/// A result: columns, rows, names.
pub struct ResultTable {
    pub(super) names: Arc<[String]>,
    pub(super) types: Vec<String>,
    pub(super) rows: Vec<Value>,
}

impl ResultTable {
    pub fn value(table: &Table) -> Value {
        let mut names: Vec<String> = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            // A name that is there already gets a number, as the second `x` is `x_2`.
            let before = table.columns[..names.len()]
                .iter()
                .filter(|c| c.name == column.name)
                .count();
            names.push(match before {
                0 => column.name.clone(),
                n => format!("{}_{}", column.name, n + 1),
            });
        }
        let types: Vec<_> = table.columns.iter().map(|c| c.data_type.clone()).collect();
        let cells = |row: &Vec<Option<String>>| -> Vec<Value> {
            let typed = row.iter().zip(&types);
            typed.map(|(text, kind)| cell(text.as_deref(), kind)).collect()
        };
        let rows: Vec<_> = table.rows.iter().map(cells).collect();
        Self::of(names, types.clone(), rows).into_value()
    }

    fn of(names: Vec<String>, types: Vec<String>, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        let names: Arc<[String]> = names.into();
        let row = |cells| {
            Value::from_object(Named {
                kind: "Row",
                names: Some(Arc::clone(&names)),
                values: cells,
            })
        };
        Self {
            rows: rows.into_iter().map(row).collect(),
            types,
            names: Arc::clone(&names),
        }
    }

    fn into_value(self) -> Value {
        Value::from_object(self)
    }

    /// The table, as text, in what `load_result` gives.
    pub fn told(value: &Value) -> Option<Table> {
        if value.as_object().is_none_or(|object| object.repr() != ObjectRepr::Map) {
            return None;
        }
        let item = |name: &str| value.get_item(&Value::from(name)).ok();
        let mut table = item("table")?.downcast_object_ref::<Self>()?.table();
        if let Some(response) = item("response")
            .as_ref()
            .and_then(|said| said.downcast_object_ref::<ResponseObject>())
        {
            table.response = response.response();
        }
        Some(table)
    }

    /// A result with its cells as dbt prints them: numbers, moments, JSON and arrays as Python writes them.
    pub fn as_printed(table: &Table) -> Table {
        let kinds = || table.columns.iter().map(|column| column.data_type.as_str());
        let text = |(text, kind): (&Option<String>, &str)| {
            let cell = cell(text.as_deref(), kind);
            match cell.kind() {
                ValueKind::None => None,
                ValueKind::Bool => Some(if cell.is_true() { "True" } else { "False" }.to_owned()),
                _ => Some(cell.to_string()),
            }
        };
        let rows = table.rows.iter();
        Table {
            rows: rows.map(|row| row.iter().zip(kinds()).map(text).collect()).collect(),
            columns: table.columns.clone(),
            ..Table::default()
        }
    }

    /// Cells as they print.
    fn table(&self) -> Table {
        let columns = self.names.iter().zip(&self.types).map(|(name, data_type)| Column {
            name: name.clone(),
            data_type: data_type.clone(),
        });
        let text = |cell: &Value| (!cell.is_none()).then(|| cell.to_string());
        Table {
            columns: columns.collect(),
            rows: self
                .rows
                .iter()
                .map(|row| cells(row).iter().map(text).collect())
                .collect(),
            ..Table::default()
        }
    }

    /// Rows as lists, as `load_result(..)['data']` gives them.
    pub fn data(&self) -> Value {
        lists(&self.rows)
    }

    /// The type of a column, as the server prints it.
    pub(super) fn data_type(&self, index: usize) -> Option<&str> {
        self.types.get(index).map(String::as_str)
    }

    /// Whether a column has no number with a fraction.
    pub(super) fn is_whole(&self, index: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| cells(row).get(index));
        cells.all(|cell| cell.is_none() || Decimal::of(cell).is_some_and(Decimal::is_whole))
    }

    /// Rows by the names of their columns.
    pub fn records(&self) -> Vec<Map<String, Json>> {
        let record = |row: &Value| {
            let named = self.names.iter().zip(cells(row));
            named.map(|(name, cell)| (name.clone(), to_json(cell))).collect()
        };
        self.rows.iter().map(record).collect()
    }

    fn column(&self, index: usize) -> Value {
        Value::from_object(ResultColumn {
            index,
            name: self.names[index].clone(),
            data_type: self.types[index].clone(),
            cells: self
                .rows
                .iter()
                .filter_map(|row| cells(row).get(index).cloned())
                .collect(),
        })
    }

    /// The place of a column, by name or by number.
    fn place(&self, key: &Value) -> Result<usize, Error> {
        let found = match key.as_str() {
            Some(name) => self.names.iter().position(|n| n == name),
            None => key.as_usize().filter(|i| *i < self.names.len()),
        };
        found.ok_or_else(|| {
            invalid(format!(
                "the table has no column {key:?}; it has {}",
                self.names.join(", ")
            ))
        })
    }

    /// The places of one column or of several.
    fn places(&self, key: &Value) -> Result<Vec<usize>, Error> {
        if key.as_str().is_some() || key.is_number() {
            return Ok(vec![self.place(key)?]);
        }
        items(key)?.iter().map(|key| self.place(key)).collect()
    }

    fn with_rows(&self, rows: Vec<Value>) -> Value {
        Self {
            names: Arc::clone(&self.names),
            types: self.types.clone(),
            rows,
        }
        .into_value()
    }

    fn select(&self, places: &[usize]) -> Value {
        let pick = |from: &[String]| places.iter().map(|i| from[*i].clone()).collect::<Vec<_>>();
        let rows = self.rows.iter().map(|row| {
            let cells = cells(row);
            places.iter().map(|i| cells[*i].clone()).collect()
        });
        Self::of(pick(&self.names), pick(&self.types), rows).into_value()
    }

    fn exclude(&self, key: &Value) -> Result<Value, Error> {
        let without = if key.as_str().is_some() {
            vec![key.clone()]
        } else {
            items(key)?
        };
        let kept: Vec<_> = (0..self.names.len())
            .filter(|i| !without.iter().any(|name| name.as_str() == Some(&self.names[*i])))
            .collect();
        Ok(self.select(&kept))
    }

    fn rename(&self, new: Option<&Value>) -> Result<Value, Error> {
        let names = match new.filter(|v| !v.is_none()) {
            None => self.names.to_vec(),
            Some(new) if new.as_object().is_some_and(|o| o.repr() == ObjectRepr::Map) => {
                let new = pairs(std::slice::from_ref(new))?;
                let renamed = |old: &String| new.iter().find(|(k, _)| k.as_str() == Some(old));
                let name = |old: &String| renamed(old).map_or_else(|| old.clone(), |(_, v)| v.to_string());
                self.names.iter().map(name).collect()
            }
            Some(new) => {
                let given = items(new)?;
                if given.len() != self.names.len() {
                    return Err(invalid(format!(
                        "`rename` got {} names for {} columns",
                        given.len(),
                        self.names.len()
                    )));
                }
                given.iter().map(ToString::to_string).collect()
            }
        };
        let rows = self.rows.iter().map(|row| cells(row).to_vec());
        Ok(Self::of(names, self.types.clone(), rows).into_value())
    }

    fn order_by(&self, key: &Value, reverse: bool) -> Result<Value, Error> {
        let places = self.places(key)?;
        let mut rows = self.rows.clone();
        rows.sort_by(|a, b| {
            let (a, b) = (cells(a), cells(b));
            let mut orders = places.iter().map(|i| order(&a[*i], &b[*i]));
            let found = orders.find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal);
            if reverse { found.reverse() } else { found }
        });
        Ok(self.with_rows(rows))
    }

    fn distinct(&self, key: Option<&Value>) -> Result<Value, Error> {
        let places = match key.filter(|v| !v.is_none()) {
            Some(key) => self.places(key)?,
            None => (0..self.names.len()).collect(),
        };
        let mut kept: Vec<Value> = Vec::new();
        for row in &self.rows {
            let same = |known: &Value| places.iter().all(|i| equal(&cells(known)[*i], &cells(row)[*i]));
            if !kept.iter().any(same) {
                kept.push(row.clone());
            }
        }
        Ok(self.with_rows(kept))
    }

    fn limit(&self, first: Option<i64>, stop: Option<i64>, step: Option<i64>) -> Value {
        let (start, stop) = if stop.is_some() || step.is_some() {
            (first.unwrap_or(0), stop)
        } else {
            (0, first)
        };
        let length = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        let bound = |n: i64| usize::try_from(if n < 0 { n + length } else { n }.clamp(0, length)).unwrap_or(0);
        let (start, stop) = (bound(start), stop.map_or(self.rows.len(), bound));
        let step = step.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1);
        let rows = self.rows.get(start..stop.max(start)).unwrap_or(&[]);
        self.with_rows(rows.iter().step_by(step).cloned().collect())
    }

    /// A table for each value of a column, found by that value.
    fn group_by(&self, key: &Value) -> Result<Value, Error> {
        let at = self.place(key)?;
        let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
        for row in &self.rows {
            let cell = &cells(row)[at];
            match groups.iter_mut().find(|(known, _)| equal(known, cell)) {
                Some((_, rows)) => rows.push(row.clone()),
                None => groups.push((cell.clone(), vec![row.clone()])),
            }
        }
        let (names, values): (Vec<String>, _) = groups
            .into_iter()
            .map(|(key, rows)| (key.to_string(), self.with_rows(rows)))
            .unzip();
        Ok(Value::from_object(Named {
            kind: "MappedSequence",
            names: Some(names.into()),
            values,
        }))
    }

    fn join(&self, args: &[Value], kwargs: &minijinja::value::Kwargs) -> Result<Value, Error> {
        let right = argument(args, kwargs, 0, "right_table").unwrap_or_default();
        let right = right
            .downcast_object_ref::<Self>()
            .ok_or_else(|| invalid(format!("`join` wants a table, not {}", describe(&right))))?;
        let set = |at, name| argument(args, kwargs, at, name).filter(|v| !v.is_none());
        let flag = |at, name| set(at, name).is_some_and(|v| v.is_true());
        let (inner, full, required) = (flag(3, "inner"), flag(4, "full_outer"), flag(5, "require_match"));
        let left_key = set(1, "left_key");
        let right_key = set(2, "right_key").or_else(|| left_key.clone());
        let keys = match (&left_key, &right_key) {
            (Some(left), Some(key)) => Some((self.places(left)?, right.places(key)?)),
            _ => None,
        };
        let wanted = set(6, "columns").map(|names| items(&names)).transpose()?;
        let shown: Vec<usize> = (0..right.names.len())
            .filter(|i| {
                let named = |names: &Vec<Value>| names.iter().any(|n| n.as_str() == Some(&right.names[*i]));
                let is_key = keys.as_ref().is_some_and(|(_, key)| key.contains(i));
                full || wanted.as_ref().map_or(!is_key, named)
            })
            .collect();
        let mut names = self.names.to_vec();
        let mut types = self.types.clone();
        for i in &shown {
            let twice = if self.names.contains(&right.names[*i]) { "2" } else { "" };
            names.push(format!("{}{twice}", right.names[*i]));
            types.push(right.types[*i].clone());
        }
        let matches = |left: usize, other: usize| match &keys {
            None => left == other,
            Some((a, b)) => {
                let (left, other) = (cells(&self.rows[left]), cells(&right.rows[other]));
                a.iter().zip(b).all(|(a, b)| equal(&left[*a], &other[*b]))
            }
        };
        let mut rows = Vec::new();
        for (l, row) in self.rows.iter().enumerate() {
            let found: Vec<_> = (0..right.rows.len()).filter(|r| matches(l, *r)).collect();
            if found.is_empty() && required {
                return Err(invalid(format!("row {l} of the table has no match")));
            }
            for r in &found {
                let other = cells(&right.rows[*r]);
                let more = shown.iter().map(|i| other[*i].clone());
                rows.push(cells(row).iter().cloned().chain(more).collect());
            }
            if found.is_empty() && !inner {
                let nulls = shown.iter().map(|_| Value::from(()));
                rows.push(cells(row).iter().cloned().chain(nulls).collect::<Vec<_>>());
            }
        }
        if full {
            for r in (0..right.rows.len()).filter(|r| !(0..self.rows.len()).any(|l| matches(l, *r))) {
                let nulls = self.names.iter().map(|_| Value::from(()));
                rows.push(nulls.chain(cells(&right.rows[r]).iter().cloned()).collect());
            }
        }
        Ok(Self::of(names, types, rows).into_value())
    }
}

impl fmt::Debug for ResultTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.structure())
    }
}

impl Object for ResultTable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let names = || self.names.iter().map(|n| Value::from(n.as_str())).collect::<Vec<_>>();
        Some(match key.as_str()? {
            "columns" => Value::from_object(Named {
                kind: "MappedSequence",
                names: Some(Arc::clone(&self.names)),
                values: (0..self.names.len()).map(|i| self.column(i)).collect(),
            }),
            "rows" => Value::from_object(Named {
                kind: "MappedSequence",
                names: None,
                values: self.rows.clone(),
            }),
            "column_names" => Value::from(Tuple::from(names())),
            "column_types" => Value::from(Tuple::from(
                self.types.iter().map(|t| Value::from(t.as_str())).collect::<Vec<_>>(),
            )),
            "row_names" => Value::from(()),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.rows.clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.rows.len())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let (placed, kwargs) = split_kwargs(args)?;
        let given = |at, name| argument(placed, &kwargs, at, name);
        let wanted = |at, what| given(at, what).ok_or_else(|| invalid(format!("`{name}` wants `{what}`")));
        let number = |at, name| {
            given(at, name)
                .filter(|v| !v.is_none())
                .map(|v| integer(&v))
                .transpose()
        };
        match name {
            "select" => Ok(self.select(&self.places(&wanted(0, "key")?)?)),
            "exclude" => self.exclude(&wanted(0, "key")?),
            "rename" => self.rename(given(0, "column_names").as_ref()),
            "order_by" => {
                let reverse = given(1, "reverse").is_some_and(|v| v.is_true());
                self.order_by(&wanted(0, "key")?, reverse)
            }
            "distinct" => self.distinct(given(0, "key").as_ref()),
            "limit" => Ok(self.limit(number(0, "start_or_stop")?, number(1, "stop")?, number(2, "step")?)),
            "group_by" => self.group_by(&wanted(0, "key")?),
            "join" => self.join(placed, &kwargs),
            "where" | "find" => {
                let test = wanted(0, "test")?;
                let mut kept = Vec::new();
                for row in &self.rows {
                    if test.call(state, std::slice::from_ref(row))?.is_true() {
                        if name == "find" {
                            return Ok(row.clone());
                        }
                        kept.push(row.clone());
                    }
                }
                Ok(if name == "find" {
                    Value::from(())
                } else {
                    self.with_rows(kept)
                })
            }
            "print_table" | "print_csv" | "print_json" | "print_structure" => {
                let limit = |at, name, usual: usize| match given(at, name) {
                    None => Ok::<_, Error>(usual),
                    Some(none) if none.is_none() => Ok(usize::MAX),
                    Some(n) => Ok(usize::try_from(integer(&n)?).unwrap_or(0)),
                };
                let text = match name {
                    "print_table" => {
                        let (rows, columns) = (limit(0, "max_rows", 20)?, limit(1, "max_columns", 6)?);
                        let precision = limit(5, "max_precision", 3)?;
                        self.printed(rows, columns, limit(3, "max_column_width", 20)?, precision)
                    }
                    "print_csv" => self.csv(),
                    "print_json" => self.json(
                        text_argument(placed, &kwargs, 1, "key"),
                        given(2, "newline").is_some_and(|v| v.is_true()),
                        number(3, "indent")?.and_then(|n| usize::try_from(n).ok()),
                    )?,
                    _ => self.structure(),
                };
                let session = crate::jinja::function::session(state)?;
                session.host.print(text.strip_suffix('\n').unwrap_or(&text));
                Ok(Value::from(()))
            }
            "to_csv" | "to_json" => Err(invalid(format!(
                "`{name}` writes a file, which templates cannot; `print_{}` shows it",
                &name[3..]
            ))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
