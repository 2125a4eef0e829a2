//! Python's values on minijinja's: mutable containers, operators, methods, JSON.

mod absent;
mod decimal;
mod dict;
mod format;
mod frozen;
mod json;
mod key;
mod list;
mod number;
mod operator;
mod repr;
mod set;
mod slice;
mod text;

pub use absent::Absent;
pub use decimal::print_float;
pub use dict::{PyDict, pairs};
pub use format::braces;
pub use frozen::Frozen;
pub use json::{JsonStyle, from_json, json_text, to_json};
pub use key::Key;
pub use list::PyList;
pub use number::Decimal;
pub use operator::{add, chained, compare, divide, equal, floor_divide, multiply, negate, power, remainder, subtract};
pub use repr::{Repr, is_printable};
pub use set::PySet;
pub use slice::slice;
pub use text::{WIDEST, method};

use indexmap::IndexMap;
use minijinja::value::{DynObject, Kwargs, ObjectRepr, ValueKind, from_args};
use minijinja::{Error, ErrorKind, Value};

/// An error of the kind Python calls `TypeError` or `ValueError`.
pub fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Splits off the keyword arguments.
pub fn split_kwargs(args: &[Value]) -> Result<(&[Value], Kwargs), Error> {
    from_args(args)
}

/// An argument that may be given by place or by name.
pub fn argument(args: &[Value], kwargs: &Kwargs, at: usize, name: &str) -> Option<Value> {
    args.get(at)
        .cloned()
        .or_else(|| kwargs.get::<Value>(name).ok().filter(|_| kwargs.has(name)))
}

/// Like [`argument`], as a string.
pub fn text_argument(args: &[Value], kwargs: &Kwargs, at: usize, name: &str) -> Option<String> {
    argument(args, kwargs, at, name)
        .filter(|v| !v.is_none() && !v.is_undefined())
        .map(|v| v.to_string())
}

/// A number for Rust's use.
pub fn integer(value: &Value) -> Result<i64, Error> {
    if value.kind() == ValueKind::Bool {
        return Ok(i64::from(value.is_true()));
    }
    value
        .as_i64()
        .ok_or_else(|| invalid(format!("expected an integer, got {}", describe(value))))
}

/// All items of an iterable. What is undefined has none, as in Jinja2.
pub fn items(value: &Value) -> Result<Vec<Value>, Error> {
    if value.is_undefined() {
        return Ok(Vec::new());
    }
    if value.is_none() {
        return Err(invalid(format!("{} is not iterable", describe(value))));
    }
    if let Some(text) = value.as_str() {
        return Ok(text.chars().map(Value::from).collect());
    }
    value.try_iter()?.checked().collect()
}

/// What a value is, for messages.
pub fn describe(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => "an undefined value".to_owned(),
        ValueKind::None => "none".to_owned(),
        ValueKind::Bool => "a boolean".to_owned(),
        ValueKind::Number => "a number".to_owned(),
        ValueKind::String => "a string".to_owned(),
        ValueKind::Seq if value.is_tuple() => "a tuple".to_owned(),
        ValueKind::Seq => "a list".to_owned(),
        ValueKind::Map => "a dict".to_owned(),
        ValueKind::Iterable => "an iterator".to_owned(),
        other => other.to_string(),
    }
}

/// Whether an object is one of this crate's, not one that the engine made.
fn is_ours(object: &DynObject) -> bool {
    object.type_name().starts_with(concat!(env!("CARGO_CRATE_NAME"), "::"))
}

/// Whether a value is a list, tuple or dict of the engine's own making.
pub fn is_container(value: &Value) -> bool {
    let kinds = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map);
    kinds && !value.as_object().is_some_and(is_ours)
}

/// Gives a list or dict that the engine made a mutable body; everything else stays what it is.
pub fn own(value: Value) -> Value {
    let Some(object) = value.as_object() else {
        return value;
    };
    if object.downcast_ref::<Vec<Value>>().is_some() {
        return value
            .try_iter()
            .into_iter()
            .flatten()
            .map(own)
            .collect::<PyList>()
            .into();
    }
    let lazy = object.repr() == ObjectRepr::Iterable && !is_ours(object);
    if let (true, Some(iter)) = (lazy, object.try_iter()) {
        return iter.collect::<PyList>().into();
    }
    if let Some(map) = object.downcast_ref::<IndexMap<Value, Value>>() {
        return PyDict::from_pairs(map.iter().map(|(k, v)| (k.clone(), own(v.clone())))).into();
    }
    value
}

/// The dict of a literal: a list of its keys and values in turn.
pub fn literal(items: &Value) -> Result<Value, Error> {
    let mut items = items.try_iter()?;
    let mut pairs = Vec::new();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, own(value)));
    }
    Ok(PyDict::from_pairs(pairs).into())
}

/// What a `for` goes over: strings by character, dicts by key, with a length where there is one.
/// Over none nothing can go.
pub fn iterated(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::None => Err(invalid(format!("{} is not iterable", describe(&value)))),
        ValueKind::String => Ok(Value::from(
            value
                .as_str()
                .unwrap_or("")
                .chars()
                .map(Value::from)
                .collect::<Vec<_>>(),
        )),
        _ => Ok(value),
    }
}

/// `a.b.0` of a value, as filters name what they look at; undefined where there is no such thing.
pub fn attribute_of(value: &Value, path: &Value) -> Result<Value, Error> {
    let Some(text) = path.as_str() else {
        return Ok(value.get_item(path).unwrap_or_default());
    };
    let mut found = value.clone();
    for part in text.split('.') {
        if found.is_undefined() {
            return Err(Error::new(
                ErrorKind::UndefinedError,
                format!("`{part}` is asked of what is undefined"),
            ));
        }
        found = match part.parse::<usize>() {
            Ok(at) => found.get_item(&Value::from(at)).unwrap_or_default(),
            Err(_) => found.get_attr(part).unwrap_or_default(),
        };
    }
    Ok(found)
}
