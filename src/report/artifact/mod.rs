//! The files of `target/`, as dbt 1.12 writes them, so that what reads dbt's artifacts reads these.

mod config_entry;
mod invocation;
mod manifest;
mod node_entry;
mod run_results;
mod write;

pub use invocation::Invocation;
pub use manifest::{Contents, DocEntry, GroupEntry, MacroArgument, MacroEntry, manifest};
pub use node_entry::{Compiled, Surroundings, checksum, node_entry, relation_name};
pub use run_results::run_results;
pub use write::{write_json, write_text};
