//! Filters and tests that differ from minijinja's.

mod number;
mod sequence;
mod text;

use minijinja::value::{ObjectRepr, Rest, ValueKind};
use minijinja::{Environment, Error, State, Value};

use super::value::{
    Absent, JsonStyle, PyDict, PyList, WIDEST, argument, describe, integer, invalid, items, json_text, split_kwargs,
    to_json,
};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    for name in ["as_bool", "as_number", "as_native", "as_text"] {
        environment.add_filter(name, |value: Value| value);
    }
    environment.add_filter("length", length);
    environment.add_filter("count", length);
    environment.add_filter("list", |value: Value| -> Result<Value, Error> {
        if value.is_undefined() {
            return Ok(PyList::default().into());
        }
        Ok(items(&value)?.into_iter().collect::<PyList>().into())
    });
    environment.add_filter("is_list", |value: &Value| {
        value.kind() == ValueKind::Seq && !value.is_tuple()
    });
    environment.add_filter("tojson", to_json_filter);
    environment.add_filter("replace", replace);
    environment.add_filter("wordcount", |text: &str| text.split_whitespace().count());
    environment.add_filter("center", center);
    environment.add_filter("truncate", truncate);
    environment.add_filter("striptags", strip_tags);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("attr", |value: &Value, name: &str| match value.as_object() {
        // The items of a dict are no attributes of it.
        Some(object) if object.downcast_ref::<PyDict>().is_some() => Value::UNDEFINED,
        _ => value.get_attr(name).unwrap_or_default(),
    });
    number::add_to(environment);
    sequence::add_to(environment);
    text::add_to(environment);
    environment.add_test("defined", |value: &Value| !is_nothing(value));
    environment.add_test("undefined", is_nothing);
    environment.add_test("callable", is_callable);
    environment.add_test("mapping", |value: &Value| {
        value.as_object().is_some_and(|o| o.repr() == ObjectRepr::Map)
    });
    environment.add_test("iterable", |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable | ValueKind::Undefined
        )
    });
    environment.add_test("sequence", |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined
        )
    });
}

/// Undefined, or the answer of a database that was not asked.
fn is_nothing(value: &Value) -> bool {
    value.is_undefined() || value.downcast_object_ref::<Absent>().is_some()
}

/// `default(value, boolean=false)`: with `boolean`, whatever is false is replaced.
fn default(value: Value, options: Rest<minijinja::value::ValueOrKwargs>) -> Result<Value, Error> {
    let options = options.into_values();
    let (placed, kwargs) = split_kwargs(&options)?;
    let falsy = argument(placed, &kwargs, 1, "boolean").is_some_and(|flag| flag.is_true());
    if is_nothing(&value) || (falsy && !value.is_true()) {
        return Ok(argument(placed, &kwargs, 0, "default_value").unwrap_or_else(|| Value::from("")));
    }
    Ok(value)
}

fn length(value: &Value) -> Result<usize, Error> {
    if value.is_undefined() {
        return Ok(0);
    }
    if value.is_none() {
        return Err(invalid("none has no length"));
    }
    match value.len() {
        Some(length) => Ok(length),
        None if value.kind() == ValueKind::Iterable => Ok(items(value)?.len()),
        None => Err(invalid(format!("{} has no length", describe(value)))),
    }
}

/// Jinja's own filter: sorted keys, safe inside HTML.
fn to_json_filter(value: &Value, options: Rest<minijinja::value::ValueOrKwargs>) -> Result<String, Error> {
    let options = options.into_values();
    let (placed, kwargs) = split_kwargs(&options)?;
    let indent = argument(placed, &kwargs, 0, "indent").filter(|v| !v.is_none());
    let indent = indent.and_then(|v| v.as_usize());
    let style = JsonStyle {
        sort_keys: true,
        indent,
        unicode: false,
    };
    let text = json_text(&to_json(value), style);
    Ok(text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\'', "\\u0027"))
}

fn replace(args: Rest<minijinja::value::ValueOrKwargs>) -> Result<String, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let [value, from, to, ..] = args else {
        return Err(invalid("`replace` wants what to replace and what to put there"));
    };
    let (value, from, to) = (value.to_string(), from.to_string(), to.to_string());
    match argument(args, &kwargs, 3, "count").filter(|v| !v.is_none()) {
        Some(count) => Ok(value.replacen(&from, &to, usize::try_from(integer(&count)?).unwrap_or(usize::MAX))),
        None => Ok(value.replace(&from, &to)),
    }
}

fn center(value: &Value, width: Option<usize>) -> String {
    let text = value.to_string();
    let width = width.unwrap_or(80).min(WIDEST);
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    format!("{}{text}{}", " ".repeat(left), " ".repeat(missing - left))
}

fn truncate(value: &Value, args: Rest<minijinja::value::ValueOrKwargs>) -> Result<String, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let number = |at, name, default: i64| argument(args, &kwargs, at, name).map_or(Ok(default), |v| integer(&v));
    let length = usize::try_from(number(0, "length", 255)?).unwrap_or(0);
    let kill_words = argument(args, &kwargs, 1, "killwords").is_some_and(|v| v.is_true());
    let end = argument(args, &kwargs, 2, "end").map_or_else(|| "...".to_owned(), |v| v.to_string());
    let leeway = usize::try_from(number(3, "leeway", 5)?).unwrap_or(0);
    let text = value.to_string();
    if text.chars().count() <= length + leeway {
        return Ok(text);
    }
    let cut: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    if kill_words {
        return Ok(cut + &end);
    }
    let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    Ok(format!("{whole}{end}"))
}

fn strip_tags(value: &Value) -> String {
    let text = value.to_string();
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_callable(_: &State, value: &Value) -> bool {
    use super::call::MacroRef;
    if value.downcast_object_ref::<MacroRef>().is_some() {
        return true;
    }
    value.as_object().is_some_and(|object| {
        let name = object.type_name();
        name.contains("Function") || name.contains("Macro") || name.contains("Callable")
    })
}
