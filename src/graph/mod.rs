//! Nodes and edges: what the project's files mean once they have been parsed.
//!
//! * [`build()`] renders every template of a project once, without a database, and ties the nodes together: a [`Graph`] and
//!   warnings, or everything that is wrong.
//! * [`Graph`] answers by id and by `ref`, walks to parents and children, and lists nodes in an order in which they can be
//!   built. Sources, exposures, tests, analyses and the hooks of a run are nodes too.
//! * A generic test's `source` is a template that calls its macro with its arguments as expressions; rendering it like any
//!   other node's gives the test's SQL.
//! * `NodeConfig::raw` has dbt's defaults with what is set over them, under dbt's names; `null` there means "not set".

mod bare_node;
mod batch;
mod build;
mod config;
mod constraint;
pub mod entry;
mod function;
mod generic_test;
#[expect(clippy::module_inception, reason = "the noun of the file is the noun of the folder")]
mod graph;
mod node;
mod partition;
mod path;
mod python;
mod recorder;
mod sample;
pub mod select;
mod semantics;
mod source_state;
pub mod state;
mod subject;
mod templates;
#[cfg(test)]
mod test_node;
mod unit_test;
mod voice;

pub use bare_node::bare_node;
pub use batch::{Batch, BatchSize, MicrobatchSpec};
pub use build::{Target, build, with_docs};
pub use constraint::{Constraint, ConstraintKind, rename_constraints};
pub use function::{FunctionSpec, Functions, NO_TYPE, Overload};
pub use graph::{BadGraph, Graph};
pub use node::*;
pub use partition::{FieldType, PartitionBy, Partitioning};
pub use path::{compiled_path, run_path};
pub use recorder::{AS_OF, Variables};
pub use sample::Sample;
pub use semantics::Semantics;
pub use source_state::{SourceState, SourceStates};
pub use subject::{Held, Reach as SubjectReach, SubjectKey, keeps_rows, reach as subject_reach, subject_keys};
pub use templates::{Job, Templates};
#[cfg(test)]
pub use test_node::test_node;
pub use unit_test::{InputCall, UnitTestSpec};
pub use voice::{Said, Voice};
