//! `ref` and `source`: functions that also tell of the render they belong to, as dbt's resolvers do.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::{Record, api};
use crate::jinja::datum::Global;
use crate::jinja::session::Session;

/// The name of the settings of the run among the globals.
pub const RUNTIME_CONFIG: &str = "_runtime_config";

type Resolve = fn(&mut State<'_, '_>, &[Value]) -> Result<Value, Error>;

pub struct ResolverFunction {
    name: &'static str,
    session: Arc<Session>,
    resolve: Resolve,
}

impl ResolverFunction {
    pub(in crate::jinja) fn value(name: &'static str, session: &Arc<Session>, resolve: Resolve) -> Value {
        Value::from_object(Self {
            name,
            session: Arc::clone(session),
            resolve,
        })
    }
}

impl fmt::Debug for ResolverFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name)
    }
}

impl Object for ResolverFunction {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "config" => match self.session.globals.get(RUNTIME_CONFIG) {
                Some(Global::Data(json)) => Some(Record::value(json)),
                _ => None,
            },
            "model" => self.session.member("model"),
            "current_project" => self.session.member("project_name"),
            "Relation" => api().get_attr("Relation").ok(),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        (self.resolve)(state, args)
    }
}
