//! `context` and `builtins`: what a bare name can mean, as mappings.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::session::{RenderState, Session};
use crate::jinja::value::{PyList, split_kwargs};

pub struct ContextObject {
    session: Arc<Session>,
    /// Macros too, which hide a member of the same name.
    macros: bool,
}

impl ContextObject {
    pub(in crate::jinja) fn everything(session: &Arc<Session>) -> Value {
        Value::from_object(Self {
            session: Arc::clone(session),
            macros: true,
        })
    }

    /// dbt's own: what a macro that is called `ref` calls when it wants the `ref` it hides.
    pub(in crate::jinja) fn builtins(session: &Arc<Session>) -> Value {
        Value::from_object(Self {
            session: Arc::clone(session),
            macros: false,
        })
    }

    fn get(&self, name: &str) -> Option<Value> {
        let found = if self.macros {
            self.session.get_value_by_str(name)
        } else {
            None
        };
        found.or_else(|| self.session.member(name))
    }

    fn names(&self) -> Vec<String> {
        if self.macros {
            self.session.known_names()
        } else {
            self.session.member_names()
        }
    }
}

impl fmt::Debug for ContextObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.session, f)
    }
}

impl Object for ContextObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names().into_iter().map(Value::from).collect())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let names = || {
            self.names()
                .into_iter()
                .filter_map(|name| Some((self.get(&name)?, name)))
        };
        match name {
            "get" => {
                let found = args.first().and_then(|key| self.get_value(key));
                Ok(found
                    .or_else(|| args.get(1).cloned())
                    .unwrap_or_else(|| Value::from(())))
            }
            "update" => {
                let (placed, kwargs) = split_kwargs(args)?;
                for mapping in placed {
                    for key in mapping.try_iter()? {
                        let value = mapping.get_item(&key)?;
                        self.session.update(key.to_string(), value);
                    }
                }
                for key in kwargs.args() {
                    self.session.update(key.to_owned(), kwargs.get(key)?);
                }
                // Macros take over the names they use when they are loaded.
                if let Some(render) = state.get_extension_mut::<RenderState>() {
                    render.loaded.clear();
                }
                Ok(Value::from(()))
            }
            "keys" => Ok(names().map(|(_, name)| Value::from(name)).collect::<PyList>().into()),
            "values" => Ok(names().map(|(value, _)| value).collect::<PyList>().into()),
            "items" => Ok(names()
                .map(|(value, name)| Value::from(Tuple::from([Value::from(name), value])))
                .collect::<PyList>()
                .into()),
            // `context.ref(..)`, `builtins.ref(..)`
            _ => match self.get(name) {
                Some(called) => called.call(state, args),
                None => Err(Error::from(ErrorKind::UnknownMethod)),
            },
        }
    }
}
