//! A class or module of Python's: called, asked for members, or both.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};

use crate::jinja::value::invalid;

/// A function or constructor.
pub(super) type Call = fn(&[Value]) -> Result<Value, Error>;

/// The functions of a class or module, by name.
pub(super) type Methods = fn(&str, &[Value]) -> Result<Value, Error>;

pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) call: Call,
    pub(super) member: fn(&str) -> Option<Value>,
    pub(super) method: Methods,
}

impl Class {
    pub(super) fn value(self) -> Value {
        Value::from_object(self)
    }
}

pub(super) fn not_callable(_: &[Value]) -> Result<Value, Error> {
    Err(invalid("a module cannot be called"))
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<class '{}'>", self.name)
    }
}

impl Object for Class {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let method = || {
            CONSTRUCTORS.iter().find(|known| **known == name).map(|name| {
                Value::from_object(Method {
                    name,
                    methods: self.method,
                })
            })
        };
        (self.member)(name).or_else(method)
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        (self.call)(args)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        (self.method)(name, args)
    }
}

/// Methods that templates pass on as values.
const CONSTRUCTORS: [&str; 4] = ["strptime", "fromisoformat", "fromtimestamp", "now"];

/// A method of a class, not called yet.
struct Method {
    name: &'static str,
    methods: Methods,
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<built-in method {}>", self.name)
    }
}

impl Object for Method {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        (self.methods)(self.name, args)
    }
}
