//! What dbt keeps as an object of its own: a result with its node and timings, as `on-run-end` sees it, or the settings of a run.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Value as Json;

use crate::jinja::module::timestamp_value;
use crate::jinja::value::{PyList, from_json};

/// A mapping whose keys are attributes, which `to_dict()` gives as a dict.
#[derive(Debug)]
pub struct Record {
    json: Json,
    /// A node's configuration, where what nobody set is none.
    is_config: bool,
}

impl Record {
    pub fn list(records: &[Json]) -> Value {
        records.iter().map(Self::value).collect::<PyList>().into()
    }

    pub fn value(json: &Json) -> Value {
        Value::from_object(Self {
            json: json.clone(),
            is_config: false,
        })
    }
}

impl Object for Record {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        let Some(json) = self.json.get(key) else {
            return self.is_config.then(|| Value::from(()));
        };
        Some(match (key, json) {
            ("config", Json::Object(_)) => Value::from_object(Self {
                json: json.clone(),
                is_config: true,
            }),
            ("node" | "vars", Json::Object(_)) => Self::value(json),
            ("timing", Json::Array(items)) => Self::list(items),
            ("started_at" | "completed_at", Json::String(text)) => {
                timestamp_value(text.trim_end_matches('Z')).unwrap_or_else(|| from_json(json))
            }
            _ => from_json(json),
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let keys = self.json.as_object().into_iter().flat_map(|map| map.keys());
        Enumerator::Values(keys.map(|key| Value::from(key.as_str())).collect())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&from_json(&self.json), f)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match (name, args) {
            ("to_dict", _) => Ok(from_json(&self.json)),
            ("get", [key, rest @ ..]) => Ok(self
                .get_value(key)
                .filter(|value| !self.is_config || !value.is_none())
                .or_else(|| rest.first().cloned())
                .unwrap_or_else(|| Value::from(()))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
