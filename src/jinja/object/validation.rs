//! `validation`: checks that materializations hand to `config.get` and `config.require`.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::failure::failure;

#[derive(Debug)]
struct Validation;

/// The values that a check lets through.
#[derive(Debug)]
struct OneOf(Vec<Value>);

pub fn validation() -> Value {
    Value::from_object(Validation)
}

impl Object for Validation {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        // `validation.any[list, basestring]` names types that templates do not have: dbt's check is undefined then.
        (key.as_str()? == "any").then(|| Value::from_function(any))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match name {
            "any" => Ok(Value::from_object(OneOf(args.to_vec()))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

fn any(args: minijinja::value::Rest<Value>) -> Value {
    Value::from_object(OneOf(args.0))
}

impl Object for OneOf {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        match args {
            [value] if self.0.contains(value) => Ok(Value::from(())),
            [value] => {
                let allowed: Vec<String> = self.0.iter().map(ToString::to_string).collect();
                let message = format!("`{value}` is none of {}", allowed.join(", "));
                Err(failure("raised-by-project", message))
            }
            _ => Err(failure("jinja-arguments", "a check takes one value")),
        }
    }
}
