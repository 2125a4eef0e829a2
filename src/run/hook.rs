//! SQL that a project runs around a node, or around the whole run.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::graph::{Hook, Node};
use crate::jinja::Render;
use crate::postgres::PooledConnection;

use super::compile::View;
use super::context::RunContext;
use super::host::RunHost;

/// Renders hooks; each comes back as statements that end in `;`, and those that render to nothing are left out.
pub(super) fn render_hooks(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    hooks: &[&Hook],
    view: &View,
    connection: &Arc<PooledConnection>,
) -> Result<Vec<String>, Diagnostic> {
    let mut rendered = Vec::new();
    for hook in hooks {
        let host = RunHost::new(context, node, Some(Arc::clone(connection)));
        let source = SourceFile::new(format!("{} (hook)", node.original_path), hook.sql.clone());
        let sql = context.engine.render(&Render {
            package: &node.package,
            within: &format!("a hook of {}", context.describe(node)),
            source: &source,
            part: None,
            host: Arc::new(host),
            execute: true,
            globals: context.globals(node, view),
        })?;
        let sql = sql.trim().trim_end_matches(';').trim_end();
        if !sql.is_empty() {
            rendered.push(format!("{sql}\n;\n"));
        }
    }
    Ok(rendered)
}
