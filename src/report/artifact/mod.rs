//! The files of `target/`, as dbt 1.12 writes them, so that what reads dbt's artifacts reads these.

mod catalog;
mod invocation;
mod manifest;
mod run_results;
mod semantic_manifest;
mod sources;
mod write;

pub use catalog::catalog;
pub use invocation::Invocation;
pub use manifest::{Contents, DocEntry, MacroArgument, MacroEntry, manifest};
pub use run_results::run_results;
pub use semantic_manifest::semantic_manifest;
pub use sources::sources;
pub use write::{write_json, write_text};
