//! Functions of values alone: JSON, YAML, sets, hashes, ranges.

use md5::{Digest, Md5};
use minijinja::value::{Tuple, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, Value};
use serde_json::Value as Json;

use super::Args;
use crate::jinja::value::{
    JsonStyle, PyDict, PyList, PySet, argument, describe, from_json, integer, invalid, items, json_text, pairs,
    split_kwargs, to_json,
};

/// What works on values alone.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("fromjson", |text: &Value, default: Option<Value>| {
        parsed(serde_json::from_str::<Json>(&text.to_string()).ok(), default)
    });
    environment.add_function("fromyaml", |text: &Value, default: Option<Value>| {
        super::yaml::parse(&text.to_string()).unwrap_or_else(|| default.unwrap_or_else(|| Value::from(())))
    });
    environment.add_function("tojson", |args: Args| -> Result<Value, Error> {
        let args = args.into_values();
        let (args, kwargs) = split_kwargs(&args)?;
        let value = argument(args, &kwargs, 0, "value").ok_or_else(|| invalid("`tojson` wants a value"))?;
        let sort_keys = argument(args, &kwargs, 2, "sort_keys").is_some_and(|v| v.is_true());
        let style = JsonStyle {
            sort_keys,
            indent: None,
            unicode: false,
        };
        Ok(Value::from(json_text(&to_json(&value), style)))
    });
    environment.add_function("toyaml", |args: Args| -> Result<Value, Error> {
        let args = args.into_values();
        let (args, kwargs) = split_kwargs(&args)?;
        let value = argument(args, &kwargs, 0, "value").ok_or_else(|| invalid("`toyaml` wants a value"))?;
        let mut json = to_json(&value);
        if argument(args, &kwargs, 2, "sort_keys").is_some_and(|v| v.is_true()) {
            json.sort_all_objects();
        }
        let text = serde_yaml::to_string(&json).map_err(|e| invalid(e.to_string()))?;
        Ok(Value::from(text))
    });
    environment.add_function("dict", |args: Args| -> Result<Value, Error> {
        Ok(PyDict::from_pairs(pairs(&args.into_values())?).into())
    });
    environment.add_function("namespace", |args: Args| -> Result<Value, Error> {
        let all: Value = PyDict::from_pairs(pairs(&args.into_values())?).into();
        let (all,): (Option<ValueOrKwargs>,) = from_args(std::slice::from_ref(&all))?;
        minijinja::functions::namespace(all)
    });
    environment.add_function("set", |value: Value, default: Option<Value>| {
        set(Some(&value)).or_else(|e| default.ok_or(e).or_else(|_| Ok::<_, Error>(Value::from(()))))
    });
    environment.add_function("set_strict", |value: &Value| set(Some(value)));
    environment.add_function("zip", |args: Args| {
        let args = args.into_values();
        let (args, kwargs) = split_kwargs(&args)?;
        match zip(args) {
            Err(_) if kwargs.has("default") => kwargs.get("default"),
            Err(_) => Ok(Value::from(())),
            found => found,
        }
    });
    environment.add_function("zip_strict", |args: Args| zip(&args.into_values()));
    environment.add_function("local_md5", |value: &Value| {
        let digest = Md5::digest(value.to_string().as_bytes());
        digest.iter().fold(String::new(), |mut out, byte| {
            use std::fmt::Write;
            let _ = write!(out, "{byte:02x}");
            out
        })
    });
    environment.add_function("diff_of_two_dicts", diff_of_two_dicts);
    environment.add_function("range", range);
}

fn parsed(json: Option<Json>, default: Option<Value>) -> Value {
    match json {
        Some(json) => from_json(&json),
        None => default.unwrap_or_else(|| Value::from(())),
    }
}

fn set(value: Option<&Value>) -> Result<Value, Error> {
    let all = value.map_or_else(|| Ok(Vec::new()), items)?;
    let changes = |item: &&Value| matches!(item.kind(), ValueKind::Seq | ValueKind::Map) && !item.is_tuple();
    if let Some(item) = all.iter().find(changes) {
        return Err(invalid(format!("{} cannot be in a set", describe(item))));
    }
    Ok(all.into_iter().collect::<PySet>().into())
}

fn zip(args: &[Value]) -> Result<Value, Error> {
    let columns = args.iter().map(items).collect::<Result<Vec<_>, _>>()?;
    let length = columns.iter().map(Vec::len).min().unwrap_or(0);
    let rows = (0..length).map(|i| {
        let row: Vec<_> = columns.iter().map(|c| c[i].clone()).collect();
        Value::from(Tuple::from(row))
    });
    Ok(rows.collect::<PyList>().into())
}

/// Keys and values of the first dict that the second does not have; lists are compared item by item.
fn diff_of_two_dicts(left: &Value, right: &Value) -> Result<Value, Error> {
    let lower = |value: &Value| value.to_string().to_lowercase();
    let mut found = Vec::new();
    for key in items(left)? {
        let here = items(&left.get_item(&key)?)?;
        let there = items(right)?.into_iter().find(|other| lower(other) == lower(&key));
        let Some(there) = there else {
            found.push((key, here.into_iter().collect::<PyList>().into()));
            continue;
        };
        let there: Vec<String> = items(&right.get_item(&there)?)?.iter().map(lower).collect();
        let missing: Vec<_> = here.into_iter().filter(|v| !there.contains(&lower(v))).collect();
        if !missing.is_empty() {
            found.push((key, missing.into_iter().collect::<PyList>().into()));
        }
    }
    Ok(PyDict::from_pairs(found).into())
}

/// More than that is a mistake.
const LONGEST_RANGE: i64 = 10_000_000;

fn range(first: &Value, second: Option<&Value>, step: Option<&Value>) -> Result<Value, Error> {
    let number = integer;
    let (start, end) = match second {
        Some(end) => (number(first)?, number(end)?),
        None => (0, number(first)?),
    };
    let step = step.map_or(Ok(1), number)?;
    if step == 0 {
        return Err(invalid("`range` wants a step that is not 0"));
    }
    let count = end.saturating_sub(start).checked_div(step).unwrap_or(0);
    if count > LONGEST_RANGE {
        return Err(invalid(format!("a range of {count} numbers is too long")));
    }
    let mut numbers = Vec::new();
    let mut at = start;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        numbers.push(Value::from(at));
        at = at.saturating_add(step);
    }
    Ok(Value::from(numbers))
}
