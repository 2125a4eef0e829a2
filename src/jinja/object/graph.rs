//! `graph`: the nodes of the project, as dicts that are made when somebody looks.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Value as Json;

use crate::jinja::value::{Frozen, PyDict, PyList};

/// What `graph` holds: collections such as `nodes`, and the entries of each by unique id.
pub trait GraphEntries: Send + Sync {
    /// Collections in dbt's order, each with its unique ids.
    fn collections(&self) -> Vec<(&'static str, Vec<String>)>;

    /// One entry, whole.
    fn entry(&self, collection: &str, id: &str) -> Json;
}

/// `graph` of one run. The dict itself is one for all renders, so that a package can keep things in it from one node to
/// the next; the entries of nodes are each reader's own.
pub struct GraphView {
    entries: Arc<dyn GraphEntries>,
    value: OnceLock<Value>,
}

impl GraphView {
    pub fn new(entries: Arc<dyn GraphEntries>) -> Arc<Self> {
        Arc::new(Self {
            entries,
            value: OnceLock::new(),
        })
    }

    pub(in crate::jinja) fn value(&self) -> Value {
        let made = self.value.get_or_init(|| {
            let collections = self.entries.collections().into_iter();
            PyDict::from_pairs(collections.map(|(name, ids)| {
                let collection = Collection {
                    name,
                    entries: Arc::clone(&self.entries),
                    frozen: ids.iter().map(|id| (id.clone(), OnceLock::new())).collect(),
                    ids,
                };
                (Value::from(name), Value::from_object(collection))
            }))
            .into()
        });
        made.clone()
    }
}

impl fmt::Debug for GraphView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GraphView")
    }
}

struct Collection {
    name: &'static str,
    entries: Arc<dyn GraphEntries>,
    ids: Vec<String>,
    frozen: HashMap<String, OnceLock<Frozen>>,
}

impl Collection {
    fn get(&self, id: &str) -> Option<Value> {
        let slot = self.frozen.get(id)?;
        Some(
            slot.get_or_init(|| Frozen::of(&self.entries.entry(self.name, id)))
                .thaw(),
        )
    }

    fn all(&self) -> impl Iterator<Item = (Value, Value)> {
        self.ids
            .iter()
            .filter_map(|id| Some((Value::from(id.as_str()), self.get(id)?)))
    }
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.all()).finish()
    }
}

impl Object for Collection {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.ids.iter().map(|id| Value::from(id.as_str())).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.ids.len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match name {
            "get" => {
                let (key, default): (&Value, Option<Value>) = from_args(args)?;
                let found = key.as_str().and_then(|id| self.get(id));
                Ok(found.or(default).unwrap_or_else(|| Value::from(())))
            }
            "keys" => Ok(self
                .ids
                .iter()
                .map(|id| Value::from(id.as_str()))
                .collect::<PyList>()
                .into()),
            "values" => Ok(self.all().map(|(_, value)| value).collect::<PyList>().into()),
            "items" => Ok(self
                .all()
                .map(|(k, v)| Value::from(Tuple::from([k, v])))
                .collect::<PyList>()
                .into()),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
