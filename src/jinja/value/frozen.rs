//! Data that many renders share: containers thaw into mutable ones of their own only where somebody looks inside.

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;
use serde_json::Value as Json;

use super::{Key, PyDict, PyList, from_json};

/// A dict that nobody changes.
pub type FrozenDict = IndexMap<Key, Frozen>;

#[derive(Clone)]
pub enum Frozen {
    Scalar(Value),
    List(Arc<[Frozen]>),
    Dict(Arc<FrozenDict>),
}

impl Frozen {
    pub fn of(json: &Json) -> Self {
        match json {
            Json::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Json::Object(map) => Self::Dict(Arc::new(
                map.iter()
                    .map(|(k, v)| (Key(Value::from(k.as_str())), Self::of(v)))
                    .collect(),
            )),
            scalar => Self::Scalar(from_json(scalar)),
        }
    }

    /// A value of the caller's own: what it changes stays with it.
    pub fn thaw(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(items) => items.iter().map(Self::thaw).collect::<PyList>().into(),
            Self::Dict(dict) => PyDict::frozen(Arc::clone(dict)).into(),
        }
    }
}
