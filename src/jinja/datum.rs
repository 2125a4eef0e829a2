//! What goes into a render and comes out of a call.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value;
use serde_json::{Map, Value as Json};

use super::module;
use super::object::{GraphView, Record, RelationObject, ResultTable};
use super::value::{PyDict, PyList, from_json, to_json};
use crate::sql::{Relation, Table};

/// A value given to a template: data, or a relation.
#[derive(Clone, Debug)]
pub enum Global {
    Data(Arc<Json>),
    Relation(Relation),
    /// The information schema of a relation's database.
    InformationSchema(Relation),
    /// Several, as a list.
    List(Vec<Global>),
    /// Data that is made only where a template looks at it.
    Lazy(Lazy),
    /// `graph`
    Graph(Arc<GraphView>),
    /// Mappings whose keys are attributes: `results` of `on-run-end`.
    Records(Arc<Vec<Json>>),
    /// A moment in UTC, as a `datetime` with its zone.
    Moment(Timestamp),
    /// `model`, where it stands for one batch: `model.batch` tells from when to when.
    Batch {
        model: Lazy,
        start: Timestamp,
        end: Timestamp,
    },
}

/// Makes data when asked.
#[derive(Clone)]
pub struct Lazy(Arc<dyn Fn() -> Json + Send + Sync>);

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}

/// An argument of a macro that is called from Rust.
pub type Arg = Global;

impl From<Json> for Global {
    fn from(json: Json) -> Self {
        Self::Data(Arc::new(json))
    }
}

impl From<&str> for Global {
    fn from(text: &str) -> Self {
        Json::from(text).into()
    }
}

impl From<bool> for Global {
    fn from(value: bool) -> Self {
        Json::from(value).into()
    }
}

impl From<Relation> for Global {
    fn from(relation: Relation) -> Self {
        Self::Relation(relation)
    }
}

impl From<Timestamp> for Global {
    fn from(at: Timestamp) -> Self {
        Self::Moment(at)
    }
}

impl Global {
    pub fn lazy(make: impl Fn() -> Json + Send + Sync + 'static) -> Self {
        Self::Lazy(Lazy(Arc::new(make)))
    }

    pub fn batch(model: impl Fn() -> Json + Send + Sync + 'static, start: Timestamp, end: Timestamp) -> Self {
        let model = Lazy(Arc::new(model));
        Self::Batch { model, start, end }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Data(json) => from_json(json),
            Self::Relation(relation) => RelationObject::value(relation.clone()),
            Self::InformationSchema(relation) => RelationObject::information_schema_of(relation.clone()),
            Self::List(values) => values.iter().map(Self::to_value).collect::<PyList>().into(),
            Self::Records(records) => Record::list(records),
            Self::Lazy(lazy) => from_json(&(lazy.0)()),
            Self::Graph(graph) => graph.value(),
            Self::Moment(at) => module::moment(*at),
            Self::Batch { model, start, end } => dated(&(model.0)(), *start, *end),
        }
    }
}

/// The entry of a node with the times of its batch as `datetime`s.
fn dated(model: &Json, start: Timestamp, end: Timestamp) -> Value {
    let times = [("event_time_start", start), ("event_time_end", end)].map(|(name, at)| (name, module::moment(at)));
    let id = ("id", from_json(&model["batch"]["id"]));
    let batch = std::iter::once(id).chain(times);
    let batch = PyDict::from_pairs(batch.map(|(name, value)| (Value::from(name), value)));
    let rest = model.as_object().into_iter().flatten();
    let pairs = rest.filter(|(key, _)| *key != "batch");
    let pairs = pairs.map(|(key, value)| (Value::from(key.as_str()), from_json(value)));
    let batch = (Value::from("batch"), Value::from(batch));
    PyDict::from_pairs(pairs.chain(std::iter::once(batch))).into()
}

/// What a macro gave back.
#[derive(Clone, Debug, PartialEq)]
pub enum Returned {
    /// The value of its `return(..)`, or the text it rendered.
    Data(Json),
    Relation(Relation),
    /// The result of a query, by the names of its columns.
    Rows(Vec<Map<String, Json>>),
    /// What `load_result(..)` gives of a statement.
    Table(Table),
}

impl Returned {
    pub(super) fn of(value: &Value) -> Self {
        if let Some(table) = value.downcast_object_ref::<ResultTable>() {
            return Self::Rows(table.records());
        }
        if let Some(table) = ResultTable::told(value) {
            return Self::Table(table);
        }
        match value.downcast_object_ref::<RelationObject>() {
            Some(object) => Self::Relation(object.relation.clone()),
            None => Self::Data(to_json(value)),
        }
    }

    /// As text: strings as they are, nothing for null, relations quoted.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Data(Json::String(text)) => text.clone(),
            Self::Data(Json::Null) => String::new(),
            Self::Data(other) => other.to_string(),
            Self::Relation(relation) => relation.to_string(),
            Self::Rows(rows) => Json::from(rows.clone()).to_string(),
            Self::Table(table) => format!("{} rows", table.rows.len()),
        }
    }
}
