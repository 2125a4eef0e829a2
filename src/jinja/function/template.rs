//! Templates and functions given as values.

use std::sync::Arc;

use minijinja::{Environment, Error, State, Value};

use super::{Args, session};
use crate::jinja::failure::failure;
use crate::jinja::object::ResultTable;
use crate::jinja::syntax;
use crate::jinja::value::{Absent, invalid};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("render", render);
    environment.add_function("write", |state: &mut State, text: &Value| -> Result<&str, Error> {
        let session = session(state)?;
        if session.execute {
            session.host.write(&text.to_string())?;
        }
        Ok("")
    });
    environment.add_function("try_or_compiler_error", try_or_compiler_error);
    environment.add_function("adapter_macro", |name: &Value| -> Result<Value, Error> {
        Err(failure(
            "not-supported",
            format!("`adapter_macro('{name}')` is no more; write `adapter.dispatch('{name}')()`"),
        ))
    });
    environment.add_function("submit_python_job", |_: Args| -> Result<Value, Error> {
        Err(failure(
            "not-supported",
            "Python models are not supported: PostgreSQL runs none",
        ))
    });
    environment.add_function("load_agate_table", |state: &mut State| -> Result<Value, Error> {
        let session = session(state)?;
        if !session.execute {
            return Ok(Absent::value());
        }
        Ok(ResultTable::value(&session.host.seed()?))
    });
}

fn render(state: &mut State, template: &str) -> Result<String, Error> {
    let session = session(state)?;
    let whole = 0..template.len();
    let wrong = |fault: syntax::Fault| failure("jinja-syntax", fault.message);
    let found = syntax::segments(template, whole.clone()).map_err(wrong)?;
    let rewritten = syntax::rewrite_template(template, whole, &found);
    let environment = session.shared.environment(session.execute);
    environment.render_named_str("#text", &rewritten.text, Value::from_dyn_object(Arc::clone(&session)))
}

fn try_or_compiler_error(state: &mut State, args: Args) -> Result<Value, Error> {
    let args = args.into_values();
    let [message, called, rest @ ..] = &args[..] else {
        return Err(invalid("`try_or_compiler_error` wants a message and a function"));
    };
    called
        .call(state, rest)
        .map_err(|_| failure("raised-by-project", message.to_string()))
}
