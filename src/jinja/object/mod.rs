//! The objects of dbt's context.

mod adapter;
mod column;
mod config;
mod context;
mod exceptions;
mod flags;
mod graph;
mod record;
mod relation;
mod response;
mod table;
mod validation;
mod variable;

pub use adapter::adapter;
pub use column::{ColumnObject, column_class};
pub use config::config;
pub use context::ContextObject;
pub use exceptions::exceptions;
pub use flags::{default_flags, flag_defaults, shown_flags};
pub use graph::{GraphEntries, GraphView};
pub use record::Record;
pub use relation::{RelationObject, api};
pub use response::{ResponseObject, response};
pub use table::ResultTable;
pub use validation::validation;
pub use variable::var;
