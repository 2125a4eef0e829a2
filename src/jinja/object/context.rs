//! `context`: everything a bare name can mean, as a mapping.

use std::fmt;
use std::sync::Arc;

use minijinja::value::Object;
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::session::Session;

pub struct ContextObject(pub(in crate::jinja) Arc<Session>);

impl fmt::Debug for ContextObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Object for ContextObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        self.0.get_value_by_str(name).or_else(|| {
            let mut globals = self.0.shared.run.globals();
            globals.find(|(known, _)| *known == name).map(|(_, value)| value)
        })
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        if name != "get" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let found = args.first().and_then(|key| self.get_value(key));
        Ok(found
            .or_else(|| args.get(1).cloned())
            .unwrap_or_else(|| Value::from(())))
    }
}
