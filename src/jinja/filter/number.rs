//! Filters of numbers.

use std::cmp::Ordering;

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, Value};

use crate::jinja::module::lapse_abs;
use crate::jinja::value::{
    Decimal, add, argument, attribute_of, compare, integer, invalid, items, negate, split_kwargs, text_argument,
};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("abs", abs);
    environment.add_filter("round", round);
    environment.add_filter("sum", sum);
    environment.add_filter("max", |value: &Value, args: Rest<ValueOrKwargs>| {
        extreme(value, args, Ordering::Greater)
    });
    environment.add_filter("min", |value: &Value, args: Rest<ValueOrKwargs>| {
        extreme(value, args, Ordering::Less)
    });
    environment.add_filter("filesizeformat", file_size);
    environment.add_test("number", |value: &Value| {
        matches!(value.kind(), ValueKind::Number | ValueKind::Bool) || Decimal::is(value)
    });
}

/// Underscores may stand between digits.
fn without_underscores(text: &str) -> Option<String> {
    let text = text.trim();
    let odd = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!odd).then(|| text.replace('_', ""))
}

#[allow(clippy::cast_possible_truncation)] // cut, as Python does
fn whole(number: f64) -> Option<Value> {
    let number = number.trunc();
    if number.abs() < 9e18 {
        return Some(Value::from(number as i64));
    }
    (number.abs() < 1e38).then(|| Value::from(number as i128))
}

/// What is no number becomes the default, as in Jinja2.
fn int(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let default = argument(placed, &kwargs, 0, "default").unwrap_or_else(|| Value::from(0));
    let base = argument(placed, &kwargs, 1, "base").map_or(Ok(10), |base| integer(&base))?;
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
    let base = base.ok_or_else(|| invalid("`base` is a number from 2 to 36"))?;
    let found = match value.as_str() {
        Some(text) => without_underscores(text).and_then(|text| {
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(rest) => text.split_at(text.len() - rest.len()),
                None => ("", text.as_str()),
            };
            let prefix = match base {
                16 => digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")),
                8 => digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0O")),
                2 => digits.strip_prefix("0b").or_else(|| digits.strip_prefix("0B")),
                _ => None,
            };
            let digits = prefix.unwrap_or(digits);
            let number = i128::from_str_radix(&format!("{sign}{digits}"), base).ok();
            let number = number.filter(|_| !digits.starts_with(['-', '+']));
            match number {
                Some(n) => Some(i64::try_from(n).map_or_else(|_| Value::from(n), Value::from)),
                None => whole(text.parse().ok()?),
            }
        }),
        None => match value.kind() {
            ValueKind::Bool => Some(Value::from(i64::from(value.is_true()))),
            ValueKind::Number if value.is_integer() => Some(value.clone()),
            ValueKind::Number => whole(f64::try_from(value.clone())?),
            _ if Decimal::is(value) => Decimal::of(value)
                .and_then(Decimal::whole)
                .map(|n| i64::try_from(n).map_or_else(|_| Value::from(n), Value::from)),
            _ => None,
        },
    };
    Ok(found.unwrap_or(default))
}

fn float(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let number = match value.as_str() {
        Some(text) => without_underscores(text).and_then(|text| text.parse::<f64>().ok()),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None if Decimal::is(value) => Decimal::of(value).map(Decimal::to_f64),
        None => f64::try_from(value.clone()).ok(),
    };
    Ok(match number {
        Some(number) => Value::from(number),
        None => argument(placed, &kwargs, 0, "default").unwrap_or_else(|| Value::from(0.0)),
    })
}

fn abs(value: &Value) -> Result<Value, Error> {
    if let Some(lapse) = lapse_abs(value) {
        return Ok(lapse);
    }
    if Decimal::is(value) {
        return Ok(Decimal::of(value).map_or_else(|| value.clone(), |n| n.abs().value()));
    }
    match value.kind() {
        ValueKind::Bool => Ok(Value::from(i64::from(value.is_true()))),
        ValueKind::Number if *value < Value::from(0) => negate(value),
        ValueKind::Number => Ok(value.clone()),
        _ => Err(invalid(format!(
            "`abs` wants a number, not {}",
            crate::jinja::value::describe(value)
        ))),
    }
}

fn round(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let places = argument(placed, &kwargs, 0, "precision").map_or(Ok(0), |v| integer(&v))?;
    let places = i32::try_from(places).unwrap_or(i32::MAX);
    let method = text_argument(placed, &kwargs, 1, "method").unwrap_or_else(|| "common".to_owned());
    let as_float = |v: &Value| {
        Decimal::of(v)
            .map(Decimal::to_f64)
            .or_else(|| f64::try_from(v.clone()).ok())
    };
    match method.as_str() {
        "common" => {
            if Decimal::is(value) {
                return Ok(Decimal::of(value).map_or_else(|| value.clone(), |n| n.rounded(places).value()));
            }
            if let (true, Some(n)) = (Decimal::of(value).is_some(), Decimal::of(value)) {
                let n = if places < 0 { n.rounded(places) } else { n };
                return n.whole().map(number).ok_or_else(|| invalid("the number is too large"));
            }
            match value.kind() {
                ValueKind::Number => Ok(Value::from(round_float(f64::try_from(value.clone())?, places))),
                _ => Err(invalid("`round` wants a number")),
            }
        }
        "ceil" | "floor" => {
            let value = as_float(value).filter(|_| value.as_str().is_none());
            let value = value.ok_or_else(|| invalid("`round` wants a number"))?;
            let by = 10_f64.powi(places);
            let scaled = value * by;
            let cut = if method == "ceil" {
                scaled.ceil()
            } else {
                scaled.floor()
            };
            Ok(Value::from(cut / by))
        }
        _ => Err(invalid("`round` rounds by `common`, `ceil` or `floor`")),
    }
}

fn number(n: i128) -> Value {
    i64::try_from(n).map_or_else(|_| Value::from(n), Value::from)
}

/// Rounded as Python rounds: by the exact digits of the number, half to even.
fn round_float(number: f64, places: i32) -> f64 {
    match usize::try_from(places) {
        Ok(places) if places < 300 => format!("{number:.places$}").parse().unwrap_or(number),
        Ok(_) => number,
        Err(_) => {
            let by = 10_f64.powi(-places);
            (number / by).round_ties_even() * by
        }
    }
}

fn sum(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let by = argument(placed, &kwargs, 0, "attribute").filter(|v| !v.is_none());
    let mut total = argument(placed, &kwargs, 1, "start").unwrap_or_else(|| Value::from(0));
    for item in items(value)? {
        let item = match &by {
            Some(by) => attribute_of(&item, by)?,
            None => item,
        };
        total = add(&total, &item)?;
    }
    Ok(total)
}

fn extreme(value: &Value, args: Rest<ValueOrKwargs>, wanted: Ordering) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let case_sensitive = argument(placed, &kwargs, 0, "case_sensitive").is_some_and(|v| v.is_true());
    let by = argument(placed, &kwargs, 1, "attribute").filter(|v| !v.is_none());
    let key = |item: &Value| super::sequence::key(item, by.as_ref(), case_sensitive);
    let mut found: Option<(Value, Value)> = None;
    for item in items(value)? {
        let rank = key(&item)?;
        let better = match &found {
            None => true,
            Some((best, _)) => compare("<", &rank, best)? == Some(wanted),
        };
        if better {
            found = Some((rank, item));
        }
    }
    Ok(found.map_or(Value::UNDEFINED, |(_, item)| item))
}

fn file_size(value: &Value, binary: Option<bool>) -> Result<String, Error> {
    let bytes = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    let bytes = bytes.ok_or_else(|| invalid("`filesizeformat` wants a number of bytes"))?;
    let (base, names) = if binary.unwrap_or(false) {
        (1024.0, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"])
    } else {
        (1000.0, ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"])
    };
    #[allow(clippy::float_cmp)] // exactly one
    if bytes == 1.0 {
        return Ok("1 Byte".to_owned());
    }
    if bytes < base {
        return Ok(format!("{} Bytes", bytes.trunc()));
    }
    let mut unit = base;
    for name in names {
        unit *= base;
        if bytes < unit || name.starts_with('Y') {
            return Ok(format!("{:.1} {name}", base * bytes / unit));
        }
    }
    Ok(bytes.to_string())
}
