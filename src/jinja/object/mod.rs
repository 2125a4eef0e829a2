//! The objects of dbt's context.

mod adapter;
mod behavior;
mod cell;
mod column;
mod config;
mod constraint;
mod context;
mod exceptions;
mod flags;
mod graph;
mod index;
mod layout;
mod record;
mod relation;
mod resolver;
mod response;
mod row;
mod seed_type;
mod snapshot;
mod strategy;
mod table;
mod validation;
mod variable;

pub use adapter::adapter;
pub use column::{ColumnObject, column_class};
pub use config::{config, config_of};
pub use context::ContextObject;
pub use exceptions::exceptions;
pub use flags::{default_flags, flag_defaults, shown_flags};
pub use graph::{GraphEntries, GraphView};
pub use record::Record;
pub use relation::RelationObject;
pub use resolver::{RUNTIME_CONFIG, ResolverFunction};
pub use response::ResponseObject;
pub use table::ResultTable;
pub use validation::validation;
pub use variable::var;

use minijinja::Value;

/// `api.Relation` and `api.Column`.
pub fn api() -> Value {
    Value::from_pairs([("Relation", relation::relation_class()), ("Column", column_class())])
}
