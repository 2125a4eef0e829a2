//! `cycler(..)` and `joiner(..)`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::Args;
use crate::jinja::value::{argument, invalid, split_kwargs};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("cycler", |args: Args| {
        let items = args.into_values();
        if items.is_empty() {
            return Err(invalid("`cycler` wants at least one item"));
        }
        Ok(Value::from_object(Cycler {
            items,
            at: AtomicUsize::new(0),
        }))
    });
    environment.add_function("joiner", |args: Args| -> Result<Value, Error> {
        let args = args.into_values();
        let (args, kwargs) = split_kwargs(&args)?;
        Ok(Value::from_object(JoinerFunction {
            separator: argument(args, &kwargs, 0, "sep").unwrap_or_else(|| Value::from(", ")),
            calls: AtomicUsize::new(0),
        }))
    });
}

/// Items in turn.
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

impl fmt::Debug for Cycler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Cycler>")
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = self.at.load(Ordering::Relaxed) % self.items.len();
        (key.as_str()? == "current").then(|| self.items[at].clone())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, _: &[Value]) -> Result<Value, Error> {
        match name {
            "next" => {
                let at = self.at.fetch_add(1, Ordering::Relaxed) % self.items.len();
                Ok(self.items[at].clone())
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Nothing when it is called first, the separator ever after.
struct JoinerFunction {
    separator: Value,
    calls: AtomicUsize,
}

impl fmt::Debug for JoinerFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Joiner>")
    }
}

impl Object for JoinerFunction {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => Value::from(""),
            _ => self.separator.clone(),
        })
    }
}
