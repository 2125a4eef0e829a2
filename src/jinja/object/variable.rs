//! `var`: a function with a method.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use crate::diagnostic::SourceFile;
use crate::jinja::engine::{Engine, Render};
use crate::jinja::function::session;
use crate::jinja::host::Refusal;
use crate::jinja::session::Session;
use crate::jinja::value::{argument, from_json, invalid, split_kwargs};

#[derive(Debug)]
struct Variable;

pub fn var() -> Value {
    Value::from_object(Variable)
}

/// A variable that is a template itself, such as `{{ ref('orders') }}`, means what it renders to where it is used.
fn rendered(session: &Session, name: &str, text: &str) -> Result<Value, Error> {
    let within = format!("variable `{name}`");
    if session.within.contains(&within) {
        return Err(Refusal::new("bad-var", format!("the {within} refers to itself")).into());
    }
    let render = Render {
        package: &session.package,
        within: &format!("{within} of {}", session.within),
        source: &SourceFile::new(format!("var {name}"), text),
        part: None,
        host: Arc::clone(&session.host),
        execute: session.execute,
        globals: session.globals.clone(),
    };
    Engine::of(&session.shared)
        .render(&render)
        .map(Value::from)
        .map_err(|diagnostic| {
            let mut refusal = Refusal::new(diagnostic.code, format!("in the {within}: {}", diagnostic.message));
            refusal.cause = diagnostic.cause;
            refusal.help = diagnostic.help;
            refusal.into()
        })
}

impl Object for Variable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        let name = argument(args, &kwargs, 0, "var_name").or_else(|| argument(args, &kwargs, 0, "var"));
        let name = name.ok_or_else(|| invalid("`var` wants a name"))?.to_string();
        let session = session(state)?;
        if let Some(value) = session.host.var(&session.package, &name)? {
            return match value.as_str() {
                Some(text) if text.contains("{{") || text.contains("{%") => rendered(&session, &name, text),
                _ => Ok(from_json(&value)),
            };
        }
        match argument(args, &kwargs, 1, "default") {
            Some(default) => Ok(default),
            // As in dbt, a missing variable is an error where a template is compiled, not where it is parsed.
            None if !session.execute => Ok(Value::from(())),
            None => Err(Refusal::new("missing-var", format!("the variable `{name}` is not set"))
                .help(format!(
                    "set it below `vars:` in the project file or with `--vars '{{{name}: ..}}'`, \
                     or give a default: `var('{name}', ..)`"
                ))
                .into()),
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match (name, args) {
            ("has_var", [var]) => {
                let session = session(state)?;
                Ok(session.host.var(&session.package, &var.to_string())?.is_some().into())
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
