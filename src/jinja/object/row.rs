//! The rows and columns of a result, as agate's mapped sequences.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::value::{Decimal, PyDict, PyList, Repr, compare, equal};

/// A place as Python counts them: from the end where negative.
fn place(key: &Value, length: usize) -> Option<usize> {
    let at = key.as_i64()?;
    if at < 0 {
        length.checked_sub(usize::try_from(at.unsigned_abs()).ok()?)
    } else {
        usize::try_from(at).ok().filter(|at| *at < length)
    }
}

/// The first values, as agate shows a sequence.
fn sample(f: &mut fmt::Formatter<'_>, kind: &str, values: &[Value]) -> fmt::Result {
    let shown: Vec<_> = values.iter().take(5).map(|v| Repr(v).to_string()).collect();
    let more = if values.len() > 5 { ", ..." } else { "" };
    write!(f, "<agate.{kind}: ({}{more})>", shown.join(", "))
}

/// What is found by place, by name, and in order: rows, and the sequences of a table.
pub(super) struct Named {
    /// As agate calls it: `Row`, `MappedSequence`.
    pub(super) kind: &'static str,
    pub(super) names: Option<Arc<[String]>>,
    pub(super) values: Vec<Value>,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sample(f, self.kind, &self.values)
    }
}

impl Object for Named {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = match key.as_str() {
            Some(name) => self
                .names
                .iter()
                .flat_map(|names| names.iter())
                .position(|n| n == name)?,
            None => place(key, self.values.len())?,
        };
        self.values.get(index).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.values.clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.values.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        keyed(self.names.as_deref(), &self.values, name, args)
    }
}

/// The methods that agate's mapped sequences share.
fn keyed(names: Option<&[String]>, values: &[Value], method: &str, args: &[Value]) -> Result<Value, Error> {
    let names_of = || names.into_iter().flatten().map(|n| Value::from(n.as_str()));
    match method {
        "values" => Ok(Value::from(Tuple::from(values))),
        "keys" if names.is_none() => Ok(Value::from(())),
        "keys" => Ok(Value::from(Tuple::from(names_of().collect::<Vec<_>>()))),
        "items" => {
            let pairs = names_of()
                .zip(values)
                .map(|(k, v)| Value::from(Tuple::from([k, v.clone()])));
            Ok(Value::from(Tuple::from(pairs.collect::<Vec<_>>())))
        }
        "dict" => Ok(PyDict::from_pairs(names_of().zip(values.iter().cloned())).into()),
        "get" => {
            let key = args.first().map(ToString::to_string).unwrap_or_default();
            let found = names
                .into_iter()
                .flatten()
                .position(|n| *n == key)
                .and_then(|i| values.get(i).cloned());
            Ok(found
                .or_else(|| args.get(1).cloned())
                .unwrap_or_else(|| Value::from(())))
        }
        "index" | "count" => {
            let sought = args.first().cloned().unwrap_or_default();
            let mut places = (0..values.len()).filter(|i| equal(&values[*i], &sought));
            if method == "count" {
                return Ok(Value::from(places.count()));
            }
            let at = places.next();
            at.map(Value::from)
                .ok_or_else(|| crate::jinja::value::invalid(format!("{sought:?} is not there")))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// Ascending, with nulls last.
pub(super) fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.is_none(), b.is_none()) {
        (false, false) => compare("<", a, b).ok().flatten().unwrap_or_else(|| a.cmp(b)),
        (a, b) => a.cmp(&b),
    }
}

/// A column: iterates over its cells; `.values()` is how most templates read it.
pub(super) struct ResultColumn {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) cells: Vec<Value>,
}

impl fmt::Debug for ResultColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sample(f, "Column", &self.cells)
    }
}

impl Object for ResultColumn {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            None => self.cells.get(place(key, self.cells.len())?).cloned(),
            Some("name") => Some(Value::from(self.name.as_str())),
            Some("data_type") => Some(Value::from_object(DataType(self.data_type.clone()))),
            Some("index") => Some(Value::from(self.index)),
            Some(_) => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.cells.clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.cells.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let tuple = |cells: Vec<Value>| Ok(Value::from(Tuple::from(cells)));
        let without_nulls = || self.cells.iter().filter(|v| !v.is_none()).cloned().collect::<Vec<_>>();
        let sorted = |mut cells: Vec<Value>| {
            cells.sort_by(order);
            Ok(cells.into_iter().collect::<PyList>().into())
        };
        match name {
            "values_distinct" => {
                let mut distinct: Vec<Value> = Vec::new();
                for cell in &self.cells {
                    if !distinct.iter().any(|known| equal(known, cell)) {
                        distinct.push(cell.clone());
                    }
                }
                tuple(distinct)
            }
            "values_without_nulls" => tuple(without_nulls()),
            "values_sorted" => sorted(self.cells.clone()),
            "values_without_nulls_sorted" => sorted(without_nulls()),
            _ => keyed(None, &self.cells, name, args),
        }
    }
}

/// The cells of a row.
pub(super) fn cells(row: &Value) -> &[Value] {
    row.downcast_object_ref::<Named>().map_or(&[], |row| &row.values)
}

/// Rows as lists.
pub(super) fn lists(rows: &[Value]) -> Value {
    let rows = rows
        .iter()
        .map(|row| Value::from(cells(row).iter().cloned().collect::<PyList>()));
    rows.collect::<PyList>().into()
}

/// The type of a column: prints as the server's name of it, and makes values what JSON and CSV have.
struct DataType(String);

impl fmt::Debug for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Object for DataType {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        None
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let value = args.first().cloned().unwrap_or_default();
        match name {
            "jsonify" | "csvify" if value.is_none() => Ok(value),
            "jsonify" if Decimal::is(&value) => {
                Ok(Decimal::of(&value).map_or(value, |number| Value::from(number.to_f64())))
            }
            "jsonify" | "csvify" if value.kind() == ValueKind::Plain && !Decimal::is(&value) => {
                Ok(Value::from(iso(&value)))
            }
            "jsonify" | "csvify" | "cast" => Ok(value),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// As a file has it: moments in ISO format.
pub(super) fn iso(value: &Value) -> String {
    let text = value.to_string();
    if Repr(value).to_string().starts_with("datetime.datetime") {
        return text.replacen(' ', "T", 1);
    }
    text
}
