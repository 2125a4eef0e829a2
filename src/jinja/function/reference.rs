//! `ref`, `source` and their like.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, State, Value};
use serde_json::Value as Json;

use super::{Args, session};
use crate::jinja::failure::failure;
use crate::jinja::object::RelationObject;
use crate::jinja::value::{describe, split_kwargs};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("ref", |state: &mut State, args: Args| {
        reference(state, &args.into_values())
    });
    environment.add_function("source", |state: &mut State, args: Args| {
        source(state, &args.into_values())
    });
    environment.add_function("metric", |state: &mut State, args: Args| {
        let args = args.into_values();
        let (package, name) = named("metric", &args)?;
        Ok::<_, Error>(Value::from(session(state)?.host.metric(package, name)?))
    });
    environment.add_function("function", |state: &mut State, args: Args| {
        let args = args.into_values();
        let (package, name) = named("function", &args)?;
        let relation = session(state)?.host.function(package, name)?;
        RelationObject::function(relation)
    });
    environment.add_function("doc", |args: Args| {
        let args: Vec<_> = args.into_values().iter().map(|arg| format!("{arg:?}")).collect();
        let shown = args.join(", ");
        let message = format!("`doc({shown})` is not supported: it works in descriptions only");
        Err::<Value, _>(failure("doc", message))
    });
}

/// A name, or a package and a name.
fn named<'a>(function: &str, args: &'a [Value]) -> Result<(Option<&'a str>, &'a str), Error> {
    match args {
        [name] => Ok((None, text(name)?)),
        [package, name] => Ok((Some(text(package)?), text(name)?)),
        _ => Err(failure(
            "ref-arguments",
            format!("`{function}` takes one or two names, {} were given", args.len()),
        )),
    }
}

fn text(value: &Value) -> Result<&str, Error> {
    value
        .as_str()
        .ok_or_else(|| failure("ref-arguments", format!("expected a string, got {}", describe(value))))
}

/// A version: a number or text.
fn written(version: &Value) -> Json {
    match version.kind() {
        ValueKind::Number => serde_json::to_value(version).unwrap_or(Json::Null),
        _ => version.to_string().into(),
    }
}

/// `ref(..)`
pub fn reference(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let version = kwargs
        .get::<Option<Value>>("v")?
        .or(kwargs.get::<Option<Value>>("version")?);
    // dbt takes any others and makes nothing of them.
    if let Some(other) = kwargs.args().find(|name| !matches!(*name, "v" | "version")) {
        let session = session(state)?;
        if !session.execute {
            let text = format!("`ref` takes `v` or `version`; `{other}` changes nothing");
            session.host.warn(&text).map_err(Error::from)?;
        }
    }
    let (package, name) = match args {
        [name] => (None, text(name)?),
        [package, name] => (Some(text(package)?), text(name)?),
        _ => {
            return Err(failure(
                "ref-arguments",
                format!("`ref` takes one or two names, {} were given", args.len()),
            ));
        }
    };
    let version = version.filter(|v| !v.is_none()).map(|v| written(&v));
    let relation = session(state)?.host.reference(package, name, version.as_ref())?;
    Ok(RelationObject::value(relation))
}

/// `source(..)`
pub fn source(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [source, table] = args else {
        return Err(failure(
            "ref-arguments",
            format!(
                "`source` takes the source's name and the table's, {} were given",
                args.len()
            ),
        ));
    };
    let relation = session(state)?.host.source(text(source)?, text(table)?)?;
    Ok(RelationObject::value(relation))
}
