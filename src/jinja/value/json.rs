//! JSON and the template's values.

use std::fmt::Write;

use minijinja::Value;
use minijinja::value::{ObjectRepr, ValueKind};
use serde_json::{Map, Number, Value as Json};

use super::{Decimal, PyDict, PyList, decimal::print_float, is_ours};

/// JSON as mutable values.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(from_json).collect::<PyList>().into(),
        Json::Object(map) => {
            PyDict::from_pairs(map.iter().map(|(k, v)| (Value::from(k.as_str()), from_json(v)))).into()
        }
    }
}

fn from_number(number: &Number) -> Value {
    if let Some(n) = number.as_i64() {
        Value::from(n)
    } else if let Some(n) = number.as_u64() {
        Value::from(n)
    } else {
        Value::from(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// A value as JSON; what JSON has no word for becomes its text.
pub fn to_json(value: &Value) -> Json {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => {
            if let Some(n) = value.as_i64() {
                return Json::from(n);
            }
            u64::try_from(value.clone()).map_or_else(|_| Json::String(value.to_string()), Json::from)
        }
        ValueKind::Number => f64::try_from(value.clone())
            .ok()
            .and_then(Number::from_f64)
            .map_or(Json::Null, Json::Number),
        ValueKind::Plain if Decimal::is(value) => Decimal::of(value)
            .map(Decimal::to_f64)
            .and_then(Number::from_f64)
            .map_or(Json::Null, Json::Number),
        ValueKind::Seq | ValueKind::Iterable => {
            Json::Array(value.try_iter().into_iter().flatten().map(|v| to_json(&v)).collect())
        }
        ValueKind::Map => match value.as_object() {
            Some(object) if is_data(value) => Json::Object(
                object
                    .try_iter_pairs()
                    .into_iter()
                    .flatten()
                    .map(|(k, v)| (member(&k), to_json(&v)))
                    .collect::<Map<_, _>>(),
            ),
            _ => Json::String(value.to_string()),
        },
        _ => Json::String(value.to_string()),
    }
}

/// A key as `json.dumps` writes it.
fn member(key: &Value) -> String {
    match key.kind() {
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => key.is_true().to_string(),
        _ => key.to_string(),
    }
}

/// A mapping made of data, not one of our objects that look like one.
fn is_data(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        object.repr() == ObjectRepr::Map && (object.downcast_ref::<PyDict>().is_some() || !is_ours(object))
    })
}

#[derive(Clone, Copy, Debug, Default)]
pub struct JsonStyle {
    pub sort_keys: bool,
    /// Spaces a level; one line where `None`.
    pub indent: Option<usize>,
    /// What is not ASCII stays as it is.
    pub unicode: bool,
}

/// JSON with the spacing of Python's `json.dumps`, ASCII only.
pub fn json_text(json: &Json, style: JsonStyle) -> String {
    let mut out = String::new();
    write_json(&mut out, json, style, 0);
    out
}

fn write_json(out: &mut String, json: &Json, style: JsonStyle, depth: usize) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Json::Number(number) => match number.as_f64() {
            Some(f) if number.is_f64() => {
                let _ = print_float(out, f);
            }
            _ => out.push_str(&number.to_string()),
        },
        Json::String(text) => write_text(out, text, style),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(out, i, style, depth + 1);
                write_json(out, item, style, depth + 1);
            }
            close(out, items.is_empty(), style, depth);
            out.push(']');
        }
        Json::Object(map) => {
            out.push('{');
            let mut entries: Vec<_> = map.iter().collect();
            if style.sort_keys {
                entries.sort_by_key(|(key, _)| *key);
            }
            for (i, (key, item)) in entries.iter().enumerate() {
                separate(out, i, style, depth + 1);
                write_text(out, key, style);
                out.push_str(": ");
                write_json(out, item, style, depth + 1);
            }
            close(out, entries.is_empty(), style, depth);
            out.push('}');
        }
    }
}

fn separate(out: &mut String, index: usize, style: JsonStyle, depth: usize) {
    match style.indent {
        None if index > 0 => out.push_str(", "),
        None => {}
        Some(width) => {
            out.push_str(if index > 0 { ",\n" } else { "\n" });
            out.push_str(&" ".repeat(width * depth));
        }
    }
}

fn close(out: &mut String, empty: bool, style: JsonStyle, depth: usize) {
    if let (Some(width), false) = (style.indent, empty) {
        out.push('\n');
        out.push_str(&" ".repeat(width * depth));
    }
}

fn write_text(out: &mut String, text: &str, style: JsonStyle) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ if style.unicode && !c.is_ascii() => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_as_json_dumps() {
        let json: Json = serde_json::from_str(r#"{"b": [1, 2.5, null], "a": "é\n", "c": {}}"#).unwrap();
        // Python: json.dumps(x), json.dumps(x, sort_keys=True, indent=2)
        assert_eq!(
            json_text(&json, JsonStyle::default()),
            "{\"b\": [1, 2.5, null], \"a\": \"\\u00e9\\n\", \"c\": {}}"
        );
        let style = JsonStyle {
            sort_keys: true,
            indent: Some(2),
            unicode: false,
        };
        assert_eq!(
            json_text(&json, style),
            "{\n  \"a\": \"\\u00e9\\n\",\n  \"b\": [\n    1,\n    2.5,\n    null\n  ],\n  \"c\": {}\n}"
        );
    }
}
