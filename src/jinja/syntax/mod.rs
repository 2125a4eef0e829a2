//! Templates as text: segments, top-level blocks, and the rewriting from Jinja2's language to minijinja's.

mod block;
mod calls;
mod config_call;
mod edit;
mod expression;
mod nesting;
mod rewrite;
mod segment;
mod statement;
mod token;

pub use block::{Block, BlockKind, DocsBlock, blocks, docs_blocks};
pub use calls::{Call, calls};
pub use config_call::{is_static, written_config};
pub use edit::Rewritten;
pub use nesting::misnested;
pub use rewrite::{rewrite_macro, rewrite_template, rewrite_value};
pub use segment::{SegmentKind, segments};

use std::ops::Range;

/// What is wrong with a template's text, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    pub span: Range<usize>,
    pub help: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
