//! `adapter.behavior`: the flags that change what macros of dbt do.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use crate::jinja::session::Session;

/// Names and what is in force where the project sets nothing.
const FLAGS: [(&str, bool); 3] = [
    ("require_batched_execution_for_custom_microbatch_strategy", false),
    ("enable_truthy_nulls_equals_macro", false),
    ("postgres_skip_autocommit_transaction_statements", true),
];

pub struct Behavior(pub(super) Arc<Session>);

impl fmt::Debug for Behavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<behavior>")
    }
}

impl Object for Behavior {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (name, default) = FLAGS.iter().find(|(name, _)| Some(*name) == key.as_str())?;
        let flags = self.0.member("flags");
        let set = flags.and_then(|flags| {
            let named = [name.to_uppercase(), (*name).to_owned()];
            named
                .iter()
                .find_map(|name| flags.get_attr(name).ok().filter(|v| !v.is_undefined() && !v.is_none()))
        });
        Some(Value::from_object(Flag(set.map_or(*default, |set| set.is_true()))))
    }
}

/// A flag: true or false by itself, and as `no_warn`.
#[derive(Debug)]
struct Flag(bool);

impl Object for Flag {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        matches!(key.as_str()?, "no_warn" | "setting").then(|| Value::from(self.0))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.0
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "True" } else { "False" })
    }
}
