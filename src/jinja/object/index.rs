//! Indexes as a model configures them and as the database has them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use md5::{Digest, Md5};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::value::{PyDict, PyList, describe, invalid, items};

/// An entry of `indexes`, as `adapter.parse_index` reads it.
#[derive(Debug)]
struct Index {
    columns: Vec<String>,
    unique: bool,
    method: Option<String>,
}

/// An attribute that is there and not none.
fn attribute(of: &Value, name: &str) -> Option<Value> {
    of.get_attr(name).ok().filter(|v| !v.is_none() && !v.is_undefined())
}

/// `adapter.parse_index(..)`
pub fn parse_index(raw: &Value) -> Result<Value, Error> {
    if raw.is_none() {
        return Ok(Value::from(()));
    }
    if raw.kind() != minijinja::value::ValueKind::Map {
        return Err(invalid(format!("an index is a dict, not {}", describe(raw))));
    }
    for key in items(raw)? {
        if !matches!(key.as_str(), Some("columns" | "unique" | "type")) {
            return Err(invalid(format!(
                "an index has `columns`, `unique` and `type`, not `{key}`"
            )));
        }
    }
    let columns = attribute(raw, "columns").ok_or_else(|| invalid("an index wants `columns`"))?;
    if columns.as_str().is_some() {
        return Err(invalid("`columns` of an index is a list"));
    }
    Ok(Value::from_object(Index {
        columns: items(&columns)?.iter().map(ToString::to_string).collect(),
        unique: attribute(raw, "unique").is_some_and(|v| v.is_true()),
        method: attribute(raw, "type").map(|v| v.to_string()),
    }))
}

impl Object for Index {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "columns" => texts(&self.columns),
            "unique" => Value::from(self.unique),
            "type" => self.method.as_deref().map_or(Value::from(()), Value::from),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        if name != "render" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let relation = args
            .first()
            .ok_or_else(|| invalid("`render` wants the index's relation"))?;
        // The time makes the name new in every run: the old table still has the old index when the new one is made.
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let parts = format!(
            "{}_{relation}_{}_{}_{now}",
            self.columns.join("_"),
            self.unique,
            self.method.as_deref().unwrap_or("btree"),
        );
        let digest = Md5::digest(parts.as_bytes());
        Ok(Value::from(digest.iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })))
    }
}

fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Value {
    let values = texts.into_iter().map(|text| Value::from(text.as_ref()));
    values.collect::<PyList>().into()
}

/// What makes two indexes the same: columns in any order, uniqueness, method.
type Definition = (BTreeSet<String>, bool, String);

fn definition(columns: impl IntoIterator<Item = String>, unique: bool, method: Option<String>) -> Definition {
    let columns = columns.into_iter().map(|c| c.to_lowercase()).collect();
    (columns, unique, method.unwrap_or_else(|| "btree".to_owned()))
}

fn change(action: &str, name: Option<&str>, definition: &Definition) -> Value {
    let (columns, unique, method) = definition;
    let text = |text: &str| Value::from(text);
    let node_config = PyDict::from_pairs([
        (text("columns"), texts(columns)),
        (text("unique"), Value::from(*unique)),
        (text("type"), text(method)),
    ]);
    let context = PyDict::from_pairs([
        (text("name"), name.map_or(Value::from(()), Value::from)),
        (text("column_names"), texts(columns)),
        (text("unique"), Value::from(*unique)),
        (text("method"), text(method)),
        (text("as_node_config"), node_config.into()),
    ]);
    PyDict::from_pairs([
        (text("action"), text(action)),
        (text("context"), context.into()),
        (text("requires_full_refresh"), Value::from(false)),
    ])
    .into()
}

/// Whether an index has a name as `render` makes them, 32 hexadecimal digits. All others are somebody else's.
fn is_generated(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The changes that bring the indexes of a materialized view to what its node configures, drops first; none where there
/// are none. `there` holds the rows of `get_show_indexes_sql`.
pub fn changes(there: &Value, node: &Value) -> Result<Value, Error> {
    let mut old = Vec::new();
    if let Some(rows) = attribute(there, "indexes") {
        for row in items(&rows)? {
            let cell = |name: &str| row.get_item(&Value::from(name)).ok().filter(|v| !v.is_none());
            let columns = cell("column_names").map(|v| v.to_string()).unwrap_or_default();
            let columns = columns.split(',').map(str::to_owned);
            let unique = cell("unique").is_some_and(|v| v.is_true());
            let method = cell("method").map(|v| v.to_string());
            let name = cell("name").map(|v| v.to_string()).unwrap_or_default();
            old.push((name, definition(columns, unique, method)));
        }
    }
    let mut new = Vec::new();
    let configured = attribute(node, "config").and_then(|config| attribute(&config, "indexes"));
    for index in configured.map_or_else(|| Ok(Vec::new()), |indexes| items(&indexes))? {
        let columns = attribute(&index, "columns").map_or_else(|| Ok(Vec::new()), |columns| items(&columns))?;
        let unique = attribute(&index, "unique").is_some_and(|v| v.is_true());
        let method = attribute(&index, "type").map(|v| v.to_string());
        new.push(definition(columns.iter().map(ToString::to_string), unique, method));
    }
    let drops = old
        .iter()
        .filter(|(name, old)| is_generated(name) && !new.contains(old));
    let creates = new.iter().filter(|new| old.iter().all(|(_, old)| old != *new));
    let all: Vec<Value> = drops
        .map(|(name, old)| change("drop", Some(name), old))
        .chain(creates.map(|new| change("create", None, new)))
        .collect();
    if all.is_empty() {
        return Ok(Value::from(()));
    }
    Ok(PyDict::from_pairs([
        (Value::from("indexes"), all.into_iter().collect::<PyList>().into()),
        (Value::from("has_changes"), Value::from(true)),
        (Value::from("requires_full_refresh"), Value::from(false)),
    ])
    .into())
}
