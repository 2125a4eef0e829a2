//! `ref`, `source` and their like.

use minijinja::{Environment, Error, State, Value};

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
    environment.add_function("metric", |args: Args| {
        refused("metric", &args.into_values(), "metrics are not built")
    });
    environment.add_function("function", |args: Args| {
        refused("function", &args.into_values(), "user-defined functions are not built")
    });
    environment.add_function("doc", |args: Args| {
        refused("doc", &args.into_values(), "it works in descriptions only")
    });
}

fn refused(name: &str, args: &[Value], reason: &str) -> Result<Value, Error> {
    let args: Vec<_> = args.iter().map(|arg| format!("{arg:?}")).collect();
    let code = if name == "doc" { "doc" } else { "not-supported" };
    Err(failure(
        code,
        format!("`{name}({})` is not supported: {reason}", args.join(", ")),
    ))
}

fn text(value: &Value) -> Result<&str, Error> {
    value
        .as_str()
        .ok_or_else(|| failure("ref-arguments", format!("expected a string, got {}", describe(value))))
}

/// `ref(..)`
pub fn reference(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let version = kwargs
        .get::<Option<Value>>("v")?
        .or(kwargs.get::<Option<Value>>("version")?);
    kwargs.assert_all_used().map_err(|_| {
        failure(
            "ref-arguments",
            "`ref` takes a name, a package and a name, and `v` or `version`",
        )
    })?;
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
    let version = version.filter(|v| !v.is_none()).map(|v| v.to_string());
    let relation = session(state)?.host.reference(package, name, version.as_deref())?;
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
