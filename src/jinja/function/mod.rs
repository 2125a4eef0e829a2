//! The functions and values of dbt's context.

mod cycle;
mod data;
mod message;
mod reference;
mod result;
mod template;
mod variable;
mod yaml;

pub(super) use reference::{reference, source};

use std::sync::Arc;

use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

use super::call::return_value;
use super::failure::failure;
use super::module;
use super::object;
use super::session::Session;
use super::value::{Absent, PyDict, PyList, argument, own, split_kwargs};

/// The version of dbt whose behaviour templates may count on.
const DBT_VERSION: &str = "1.12.6";

pub(super) fn session(state: &State<'_, '_>) -> Result<Arc<Session>, Error> {
    Session::of(state).ok_or_else(|| failure("jinja-type", "this function works while a template renders"))
}

/// Arguments by place and by name.
type Args = Rest<ValueOrKwargs>;

pub(super) fn add_to(environment: &mut Environment<'static>) {
    add_functions(environment);
    add_values(environment);
}

fn add_functions(environment: &mut Environment<'static>) {
    cycle::add_to(environment);
    data::add_to(environment);
    message::add_to(environment);
    reference::add_to(environment);
    result::add_to(environment);
    template::add_to(environment);
    environment.add_function("env_var", variable::env_var);
    // Not `Option<Value>`, of which what is undefined would come back as none.
    environment.add_function("return", |values: Args| -> Result<Value, Error> {
        let values = values.into_values();
        let (placed, named) = split_kwargs(&values)?;
        let value = argument(placed, &named, 0, "data").unwrap_or_else(|| Value::from(()));
        Err(return_value(own(value)))
    });
    environment.add_function("_is_incremental", |state: &mut State| -> Result<bool, Error> {
        let session = session(state)?;
        Ok(match session.globals.get("is_incremental") {
            Some(super::Global::Data(json)) => **json == serde_json::Value::Bool(true),
            _ => false,
        })
    });
    // There is no OpenTelemetry here; dbt prints zeros where it is switched off.
    environment.add_function("otel_trace_id", || "0".repeat(32));
    environment.add_function("otel_span_id", || "0".repeat(16));
}

/// Values that are the same for every node; what a caller gives comes before them.
fn add_values(environment: &mut Environment<'static>) {
    environment.add_global("dbt_version", DBT_VERSION);
    environment.add_global("invocation_id", uuid::Uuid::new_v4().to_string());
    environment.add_global("run_started_at", module::started_at());
    environment.add_global("modules", module::modules());
    environment.add_global("api", object::api());
    environment.add_global("exceptions", object::exceptions());
    environment.add_global("config", object::config());
    environment.add_global("var", object::var());
    environment.add_global("column", object::column_class());
    environment.add_global("validation", object::validation());
    environment.add_global("sql_now", "now()");
    for name in ["sql", "compiled_code", "defer_relation"] {
        environment.add_global(name, Value::from(()));
    }
}

/// Values that a template may change, each render its own: what is there where the caller gives nothing.
pub(super) fn default_value(name: &str) -> Option<Value> {
    Some(match name {
        "flags" => object::default_flags(),
        // dbt's graph is empty while it parses, and every look into it undefined.
        "graph" => PyDict::from_pairs(COLLECTIONS.map(|name| (Value::from(name), Absent::value()))).into(),
        "invocation_args_dict" | "dbt_metadata_envs" => PyDict::from_pairs([]).into(),
        "selected_resources" | "pre_hooks" | "post_hooks" | "context_macro_stack" => PyList::default().into(),
        _ => return None,
    })
}

/// The parts of `graph`.
pub const COLLECTIONS: [&str; 9] = [
    "exposures",
    "functions",
    "groups",
    "metrics",
    "nodes",
    "sources",
    "semantic_models",
    "saved_queries",
    "unit_tests",
];

/// The names that [`default_value`] knows.
pub(super) const DEFAULTS: [&str; 8] = [
    "flags",
    "graph",
    "invocation_args_dict",
    "dbt_metadata_envs",
    "selected_resources",
    "pre_hooks",
    "post_hooks",
    "context_macro_stack",
];
