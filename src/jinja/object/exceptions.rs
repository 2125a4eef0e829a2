//! `exceptions`: how a project reports errors and warnings of its own.

use std::sync::Arc;

use minijinja::value::Object;
use minijinja::{Error, State, Value};

use crate::jinja::failure::failure;
use crate::jinja::function::session;
use crate::jinja::value::split_kwargs;

#[derive(Debug)]
struct Exceptions;

pub fn exceptions() -> Value {
    Value::from_object(Exceptions)
}

/// Every argument as text; the names tell what dbt would have made a sentence of.
fn message(args: &[Value]) -> Result<String, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let mut parts: Vec<String> = args.iter().map(ToString::to_string).collect();
    for name in kwargs.args() {
        if name != "node" {
            parts.push(kwargs.get::<Value>(name)?.to_string());
        }
    }
    Ok(parts.join(" "))
}

impl Object for Exceptions {
    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        // dbt's functions take the message first and the node after it.
        let first = args.first().map(ToString::to_string).unwrap_or_default();
        match name {
            "warn" => {
                session(state)?.host.warn(&first);
                Ok(Value::from(""))
            }
            "warn_snapshot_timestamp_data_types" => {
                session(state)?.host.warn(&format!(
                    "the snapshot's `updated_at` changed its type: {}",
                    message(args)?
                ));
                Ok(Value::from(""))
            }
            "raise_compiler_error"
            | "raise_parsing_error"
            | "raise_database_error"
            | "raise_not_implemented"
            | "raise_dependency_error"
            | "raise_fail_fast_error" => Err(failure("raised-by-project", first)),
            "missing_config" => Err(failure(
                "raised-by-project",
                format!("a required configuration is missing: {}", message(args)?),
            )),
            "missing_materialization" => Err(failure(
                "raised-by-project",
                format!("no materialization was found: {}", message(args)?),
            )),
            "missing_relation" => Err(failure(
                "raised-by-project",
                format!("the relation was not found: {}", message(args)?),
            )),
            "relation_wrong_type" => Err(failure(
                "raised-by-project",
                format!("the relation is of another type than expected: {}", message(args)?),
            )),
            "column_type_missing" | "raise_contract_error" => Err(failure(
                "raised-by-project",
                format!("the contract is not met: {}", message(args)?),
            )),
            _ => Err(failure(
                "raised-by-project",
                format!("{}: {}", name.replace('_', " "), message(args)?),
            )),
        }
    }
}
