//! Results of queries, shaped as people use agate's tables.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::module::{date_value, timestamp_value};
use crate::jinja::value::PyList;
use crate::sql::Table;

/// A result: columns, rows, names.
pub struct ResultTable {
    names: Vec<String>,
    types: Vec<String>,
    rows: Vec<Value>,
}

/// A cell as a value of its column's type.
fn cell(text: Option<&str>, data_type: &str) -> Value {
    let Some(text) = text else {
        return Value::from(());
    };
    let base = data_type.split('(').next().unwrap_or(data_type).trim();
    let whole = || text.parse::<i64>().ok().map(Value::from);
    let real = || text.parse::<f64>().ok().map(Value::from);
    let typed = match base {
        "smallint" | "integer" | "bigint" | "oid" => whole(),
        "numeric" | "decimal" => whole().or_else(real),
        "real" | "double precision" => real(),
        "boolean" => match text {
            "t" | "true" => Some(Value::from(true)),
            "f" | "false" => Some(Value::from(false)),
            _ => None,
        },
        "date" => date_value(text),
        "timestamp" | "timestamp without time zone" | "timestamp with time zone" => timestamp_value(text),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::from(text))
}

impl ResultTable {
    pub fn value(table: &Table) -> Value {
        let names: Arc<[String]> = table.columns.iter().map(|c| c.name.clone()).collect();
        let types: Vec<_> = table.columns.iter().map(|c| c.data_type.clone()).collect();
        let rows = table
            .rows
            .iter()
            .map(|row| {
                let cells = row
                    .iter()
                    .zip(&types)
                    .map(|(text, kind)| cell(text.as_deref(), kind))
                    .collect();
                Value::from_object(Row {
                    names: Arc::clone(&names),
                    cells,
                })
            })
            .collect();
        Value::from_object(Self {
            names: names.to_vec(),
            types,
            rows,
        })
    }

    /// Rows as lists, as `load_result(..)['data']` gives them.
    pub fn data(&self) -> Value {
        let rows = self.rows.iter().filter_map(|row| row.downcast_object_ref::<Row>());
        rows.map(|row| Value::from(row.cells.iter().cloned().collect::<PyList>()))
            .collect::<PyList>()
            .into()
    }

    /// The type of a column, as the server prints it.
    pub(super) fn data_type(&self, index: usize) -> Option<&str> {
        self.types.get(index).map(String::as_str)
    }

    /// Whether a column has no number with a fraction.
    pub(super) fn is_whole(&self, index: usize) -> bool {
        let rows = self.rows.iter().filter_map(|row| row.downcast_object_ref::<Row>());
        let mut cells = rows.filter_map(|row| row.cells.get(index));
        cells.all(|cell| cell.is_none() || cell.is_integer())
    }

    fn column(&self, index: usize) -> Value {
        let cells = self
            .rows
            .iter()
            .filter_map(|row| row.downcast_object_ref::<Row>()?.cells.get(index).cloned())
            .collect();
        Value::from_object(ResultColumn {
            name: self.names[index].clone(),
            data_type: self.types[index].clone(),
            cells,
        })
    }

    fn named(&self, pick: impl Fn(usize) -> Value) -> Value {
        Value::from_object(Named {
            names: self.names.clone(),
            values: (0..self.names.len()).map(pick).collect(),
        })
    }

    fn names(&self) -> Value {
        let names: Vec<_> = self.names.iter().map(|n| Value::from(n.as_str())).collect();
        Value::from(Tuple::from(names))
    }
}

impl fmt::Debug for ResultTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.names.join(" | "))?;
        for row in self.rows.iter().filter_map(|row| row.downcast_object_ref::<Row>()) {
            let cells: Vec<_> = row.cells.iter().map(ToString::to_string).collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

impl Object for ResultTable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(index) = key.as_usize() {
            return self.rows.get(index).cloned();
        }
        Some(match key.as_str()? {
            "columns" => self.named(|i| self.column(i)),
            "rows" => self.rows.iter().cloned().collect::<PyList>().into(),
            "column_names" => self.names(),
            "column_types" => Value::from(Tuple::from(
                self.types.iter().map(|t| Value::from(t.as_str())).collect::<Vec<_>>(),
            )),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.rows.clone())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, _: &[Value]) -> Result<Value, Error> {
        match name {
            "print_table" | "print_csv" | "print_json" => {
                let session = crate::jinja::function::session(state)?;
                session.host.log(&format!("{:?}", **self), true);
                Ok(Value::from(""))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// What is found by place, by name, and in order.
#[derive(Debug)]
struct Named {
    names: Vec<String>,
    values: Vec<Value>,
}

impl Object for Named {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = match key.as_str() {
            Some(name) => self.names.iter().position(|n| n == name)?,
            None => key.as_usize()?,
        };
        self.values.get(index).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.values.clone())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        keyed(&self.names, &self.values, name, args)
    }
}

/// The methods that agate's mapped sequences share.
fn keyed(names: &[String], values: &[Value], method: &str, args: &[Value]) -> Result<Value, Error> {
    let names_of = || names.iter().map(|n| Value::from(n.as_str()));
    match method {
        "values" => Ok(Value::from(Tuple::from(values))),
        "keys" => Ok(Value::from(Tuple::from(names_of().collect::<Vec<_>>()))),
        "items" => {
            let pairs = names_of()
                .zip(values)
                .map(|(k, v)| Value::from(Tuple::from([k, v.clone()])));
            Ok(pairs.collect::<PyList>().into())
        }
        "dict" => Ok(Value::from_object(
            names_of()
                .zip(values.iter().cloned())
                .collect::<indexmap::IndexMap<Value, Value>>(),
        )),
        "get" => {
            let key = args.first().map(ToString::to_string).unwrap_or_default();
            let found = names
                .iter()
                .position(|n| *n == key)
                .and_then(|i| values.get(i).cloned());
            Ok(found
                .or_else(|| args.get(1).cloned())
                .unwrap_or_else(|| Value::from(())))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// A row: iterates over its cells, finds them by place and by name.
#[derive(Debug)]
struct Row {
    names: Arc<[String]>,
    cells: Vec<Value>,
}

impl Object for Row {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = match key.as_str() {
            Some(name) => self.names.iter().position(|n| n == name)?,
            None => key.as_usize()?,
        };
        self.cells.get(index).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.cells.clone())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<_> = self.cells.iter().map(|c| format!("{c:?}")).collect();
        write!(f, "<agate.Row: ({})>", cells.join(", "))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        keyed(&self.names, &self.cells, name, args)
    }
}

/// A column: iterates over its cells; `.values()` is how most templates read it.
#[derive(Debug)]
struct ResultColumn {
    name: String,
    data_type: String,
    cells: Vec<Value>,
}

impl Object for ResultColumn {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(index) = key.as_usize() {
            return self.cells.get(index).cloned();
        }
        match key.as_str()? {
            "name" => Some(Value::from(self.name.as_str())),
            "data_type" => Some(Value::from(self.data_type.as_str())),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.cells.clone())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<_> = self.cells.iter().map(|c| format!("{c:?}")).collect();
        write!(f, "<agate.Column: ({})>", cells.join(", "))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, _: &[Value]) -> Result<Value, Error> {
        let cells = || self.cells.iter().cloned();
        match name {
            "values" => Ok(Value::from(Tuple::from(self.cells.as_slice()))),
            "values_distinct" => Ok(cells().collect::<crate::jinja::value::PySet>().into()),
            "values_without_nulls" => Ok(Value::from(Tuple::from(
                cells().filter(|v| !v.is_none()).collect::<Vec<_>>(),
            ))),
            "values_sorted" => {
                let mut sorted: Vec<_> = cells().collect();
                sorted.sort();
                Ok(Value::from(Tuple::from(sorted)))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
