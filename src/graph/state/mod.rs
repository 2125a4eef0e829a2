//! Another run of the project, and what has changed since: for `state:`, `result:` and `source_status:`
//! (<https://docs.getdbt.com/reference/node-selection/methods#state>).
//!
//! Both sides are entries of a manifest, so that one that dbt wrote compares like one of ours. Everything here is dbt's sense of a
//! change: `unrendered_config` and not the values in force, the text of a file and not what it compiles to.

mod comparison;
mod contract;
mod macros;
mod previous;

pub use previous::{PreviousState, SECTIONS};
