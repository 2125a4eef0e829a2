//! `fromyaml`: YAML with the types that Python gives plain scalars.

use std::sync::LazyLock;

use minijinja::Value;
use regex::Regex;
use serde_yaml::Value as Yaml;

use crate::jinja::module::{date_value, timestamp_value};
use crate::jinja::value::{PyDict, PyList};

/// The values of a document; `None` where it is no YAML.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut yaml: Yaml = serde_yaml::from_str(text).ok()?;
    yaml.apply_merge().ok()?;
    Some(value(&yaml, text))
}

fn value(yaml: &Yaml, text: &str) -> Value {
    match yaml {
        Yaml::Sequence(items, ..) => items.iter().map(|item| value(item, text)).collect::<PyList>().into(),
        Yaml::Mapping(map, ..) => PyDict::from_pairs(map.iter().map(|(k, v)| (value(k, text), value(v, text)))).into(),
        Yaml::Tagged(tagged, ..) => value(&tagged.value, text),
        Yaml::Null(..) => Value::from(()),
        Yaml::String(string, ..) if is_plain(written(yaml, text)) => plain(string),
        Yaml::String(string, ..) => Value::from(string.as_str()),
        Yaml::Bool(flag, ..) => Value::from(*flag),
        Yaml::Number(number, ..) => match written(yaml, text) {
            raw if raw.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => plain(raw),
            _ => match number.as_i64() {
                Some(whole) => Value::from(whole),
                None => Value::from(number.as_f64().unwrap_or(f64::NAN)),
            },
        },
    }
}

/// How a number is written: what stands from its place to the end of the line or to the next sign.
fn written<'a>(yaml: &Yaml, text: &'a str) -> &'a str {
    let rest = text.get(yaml.span().start.index..).unwrap_or("");
    let end = rest.find(['\n', '\r', ',', ']', '}', ' ']).unwrap_or(rest.len());
    rest[..end].trim_end_matches(':')
}

/// Whether a text stands as it is, without quotes.
fn is_plain(written: &str) -> bool {
    !written.starts_with(['"', '\'', '|', '>', '*', '&', '!'])
}

static WHOLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*(:[0-5]?[0-9])*)$").ok());
static REAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?)$").ok()
});
static MOMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern =
        r"^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(\.\d*)?[ \t]*(Z|[-+]\d\d?(?::\d\d)?)?$";
    Regex::new(pattern).ok()
});
static DAY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\d$").ok());

fn is(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|p| p.is_match(text))
}

/// What YAML 1.1 makes of a scalar without quotes.
fn plain(text: &str) -> Value {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Value::from(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Value::from(false),
        "" | "~" | "null" | "Null" | "NULL" => return Value::from(()),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::from(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::from(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::from(f64::NAN),
        _ => {}
    }
    let typed = if is(&WHOLE, text) {
        whole(text)
    } else if is(&REAL, text) {
        text.replace('_', "").parse::<f64>().ok().map(Value::from)
    } else if is(&DAY, text) {
        date_value(text)
    } else {
        moment(text)
    };
    typed.unwrap_or_else(|| Value::from(text))
}

fn whole(text: &str) -> Option<Value> {
    let text = text.replace('_', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let number = if let Some(binary) = digits.strip_prefix("0b") {
        i64::from_str_radix(binary, 2).ok()?
    } else if let Some(hex) = digits.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(digits, 8).ok()?
    } else {
        // `1:30` counts in sixties.
        let mut parts = digits.split(':').map(|part| part.parse::<i64>().ok());
        parts.try_fold(0_i64, |so_far, part| so_far.checked_mul(60)?.checked_add(part?))?
    };
    Some(Value::from(sign * number))
}

fn moment(text: &str) -> Option<Value> {
    let parts = MOMENT.as_ref()?.captures(text)?;
    let part = |i: usize| parts.get(i).map_or("", |m| m.as_str());
    let fraction: String = part(7).chars().take(7).collect();
    let fraction = if fraction.len() > 1 { fraction } else { String::new() };
    let zone = match part(8) {
        "Z" => "+00:00".to_owned(),
        other => other.to_owned(),
    };
    timestamp_value(&format!(
        "{}-{:0>2}-{:0>2} {:0>2}:{}:{}{fraction}{zone}",
        part(1),
        part(2),
        part(3),
        part(4),
        part(5),
        part(6)
    ))
}
