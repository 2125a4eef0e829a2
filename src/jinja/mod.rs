//! The template language: dbt's Jinja on stock minijinja. Nothing outside names minijinja's types.

mod builtin;
mod call;
mod called;
mod datum;
mod engine;
mod environment;
mod failure;
mod filter;
mod function;
mod host;
mod materialize;
mod module;
mod object;
mod panic;
mod session;
mod syntax;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub use datum::{Arg, Global, Lazy, Returned};
pub use engine::{DispatchRule, Engine, MacroFile, Render};
pub use function::COLLECTIONS;
pub use host::{Host, Refusal};
pub use materialize::Materialized;
pub use object::{GraphEntries, GraphView, RUNTIME_CONFIG, flag_defaults, shown_flags};
pub use syntax::{BlockKind, DocsBlock, is_static, written_config};
pub use table::{MacroArgument, MacroInfo, MacroKind};

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::sql::Table;

/// A result with its cells as dbt prints them.
pub fn printed(table: &Table) -> Table {
    object::ResultTable::as_printed(table)
}

/// A `{% snapshot %}` block: its body is a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotBlock {
    pub name: String,
    pub name_span: Range<usize>,
    pub span: Range<usize>,
    pub body: Range<usize>,
}

/// The snapshots that a file defines.
pub fn snapshots(file: &Arc<SourceFile>) -> Result<Vec<SnapshotBlock>, Diagnostic> {
    let blocks = syntax::blocks(&file.text).map_err(|fault| failure::syntax(file, fault))?;
    Ok(blocks
        .into_iter()
        .filter(|block| block.kind == BlockKind::Snapshot)
        .map(|block| SnapshotBlock {
            name: block.name,
            name_span: block.name_span,
            span: block.span,
            body: block.body,
        })
        .collect())
}

/// The `{% docs %}` blocks of a Markdown file.
pub fn docs(file: &Arc<SourceFile>) -> Result<Vec<DocsBlock>, Diagnostic> {
    syntax::docs_blocks(&file.text).map_err(|fault| failure::syntax(file, fault))
}
