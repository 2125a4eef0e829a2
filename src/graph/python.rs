//! Values as Python prints them: dbt builds the ids of tests from that.

use std::fmt::Write as _;

use serde_json::Value as Json;

/// Python's `str(value)`.
pub fn str_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => repr(other),
    }
}

/// Python's `repr(value)`; mappings keep their order.
pub fn repr(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => repr_float(float),
            _ => number.to_string(),
        },
        Json::String(text) => repr_str(text),
        Json::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", repr_str(key), repr(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// `repr` of the value with mappings sorted by key and every scalar as text: what dbt hashes.
pub fn hashable_repr(value: &Json) -> String {
    repr(&hashable(value))
}

fn hashable(value: &Json) -> Json {
    match value {
        Json::Array(items) => Json::Array(items.iter().map(hashable).collect()),
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            Json::Object(keys.into_iter().map(|key| (key.clone(), hashable(&map[key]))).collect())
        }
        scalar => Json::String(str_of(scalar)),
    }
}

/// Python writes an exponent from 1e16 up and below 1e-4.
fn repr_float(float: f64) -> String {
    let size = float.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let shown = format!("{float:e}");
        let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
        let (sign, digits) = exponent
            .strip_prefix('-')
            .map_or(("+", exponent), |digits| ("-", digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{float:?}")
}

fn repr_str(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if u32::from(c) < 0x20 || (0x7f..0xa1).contains(&u32::from(c)) || c == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Printed by Python 3.11.
    #[test]
    fn prints_as_python_does() {
        for (value, shown) in [
            (json!([1, 1.5, true, null, "it's"]), r#"[1, 1.5, True, None, "it's"]"#),
            (json!({"b": "a\"b'c\n", "a": 1e16}), r#"{'b': 'a"b\'c\n', 'a': 1e+16}"#),
            (json!([1e-5, 100.0, "\u{e9}\u{7f}"]), r"[1e-05, 100.0, 'é\x7f']"),
        ] {
            assert_eq!(repr(&value), shown);
        }
    }
}
