//! One value of a result: PostgreSQL's text as what dbt's driver makes of it.

use minijinja::Value;
use serde_json::Value as Json;

use crate::jinja::module::{date_value, lapse_text, timestamp_value};
use crate::jinja::value::{Decimal, JsonStyle, from_json, json_text};

/// A cell as a value of its column's type.
pub(super) fn cell(text: Option<&str>, data_type: &str) -> Value {
    let Some(text) = text else {
        return Value::from(());
    };
    let bare = without_size(data_type);
    let typed = match bare.strip_suffix("[]") {
        Some(of) => array(text, of),
        None => scalar(text, &bare),
    };
    typed.unwrap_or_else(|| Value::from(text))
}

/// `timestamp(3) with time zone` without the `(3)`.
fn without_size(data_type: &str) -> String {
    match (data_type.find('('), data_type.find(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &data_type[..open], &data_type[close + 1..]),
        _ => data_type.to_owned(),
    }
}

fn scalar(text: &str, data_type: &str) -> Option<Value> {
    match data_type {
        "smallint" | "integer" | "bigint" | "oid" => text.parse::<i64>().ok().map(Value::from),
        "numeric" | "decimal" => Decimal::parse(text).map(Decimal::value),
        "real" | "double precision" => real(text),
        "boolean" => match text {
            "t" | "true" => Some(Value::from(true)),
            "f" | "false" => Some(Value::from(false)),
            _ => None,
        },
        "date" => date_value(text),
        "timestamp" | "timestamp without time zone" | "timestamp with time zone" => timestamp_value(text),
        "time" | "time without time zone" | "time with time zone" => Some(Value::from(time(text))),
        "interval" => lapse_text(text).map(Value::from),
        "json" | "jsonb" => Some(json(text)),
        _ if data_type.ends_with("range") => Some(Value::from(text.replacen(',', ", ", 1))),
        _ => None,
    }
}

/// The driver makes a float of it, and that a decimal with the float's digits.
fn real(text: &str) -> Option<Value> {
    let number = text.parse::<f64>().ok()?;
    if !number.is_finite() {
        return Decimal::parse(text).map(Decimal::value);
    }
    let mut shown = String::new();
    crate::jinja::value::print_float(&mut shown, number).ok()?;
    Decimal::parse(&shown).map(Decimal::value)
}

/// Fractions of a second have six digits, offsets have minutes.
fn time(text: &str) -> String {
    let (clock, offset) = match text.find(['+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let clock = match clock.split_once('.') {
        Some((whole, fraction)) => format!("{whole}.{fraction:0<6}"),
        None => clock.to_owned(),
    };
    let minutes = if offset.len() == 3 { ":00" } else { "" };
    format!("{clock}{offset}{minutes}")
}

/// Lists and objects come as text, what is in them as it is.
fn json(text: &str) -> Value {
    match serde_json::from_str::<Json>(text) {
        Ok(json @ (Json::Array(_) | Json::Object(_))) => Value::from(json_text(&json, JsonStyle::default())),
        Ok(Json::Number(number)) if number.is_f64() => {
            Decimal::parse(&number.to_string()).map_or_else(|| Value::from(text), Decimal::value)
        }
        Ok(json) => from_json(&json),
        Err(_) => Value::from(text),
    }
}

/// An array comes as the text of a JSON list.
fn array(text: &str, of: &str) -> Option<Value> {
    let known = [
        "smallint",
        "integer",
        "bigint",
        "oid",
        "numeric",
        "real",
        "double precision",
        "boolean",
        "date",
        "timestamp without time zone",
        "timestamp with time zone",
        "time without time zone",
        "time with time zone",
        "interval",
        "text",
        "character varying",
        "character",
        "name",
    ];
    if !known.contains(&of) {
        return None;
    }
    let mut rest = text.strip_prefix('{')?;
    let list = array_items(&mut rest, of)?;
    Some(Value::from(json_text(&list, JsonStyle::default())))
}

fn array_items(rest: &mut &str, of: &str) -> Option<Json> {
    let mut items = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            *rest = after;
            return Some(Json::Array(items));
        }
        if let Some(after) = rest.strip_prefix('{') {
            *rest = after;
            items.push(array_items(rest, of)?);
        } else if let Some(after) = rest.strip_prefix('"') {
            let mut item = String::new();
            let mut chars = after.char_indices();
            loop {
                match chars.next()? {
                    (at, '"') => {
                        *rest = &after[at + 1..];
                        break;
                    }
                    (_, '\\') => item.push(chars.next()?.1),
                    (_, c) => item.push(c),
                }
            }
            items.push(array_item(&item, of));
        } else {
            let end = rest.find([',', '}'])?;
            let item = &rest[..end];
            *rest = &rest[end..];
            items.push(if item == "NULL" {
                Json::Null
            } else {
                array_item(item, of)
            });
        }
        *rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

fn array_item(text: &str, of: &str) -> Json {
    let number = || text.parse::<f64>().ok().map(Json::from);
    match of {
        "smallint" | "integer" | "bigint" | "oid" => text.parse::<i64>().ok().map(Json::from),
        "numeric" | "real" | "double precision" => number(),
        "boolean" => Some(Json::from(text == "t")),
        _ if of.starts_with("timestamp") => {
            timestamp_value(text).map(|v| Json::from(v.to_string().replacen(' ', "T", 1)))
        }
        _ => scalar(text, of).map(|v| Json::from(v.to_string())),
    }
    .unwrap_or_else(|| Json::from(text))
}
