//! Divided tables that a macro would build, which are refused when the project is read.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::Node;
use crate::run::{Builder, Reason};

use super::workspace::Workspace;

impl Workspace {
    /// Tables are divided where Rust builds them. Known as soon as the project is read, so told then, by every command.
    pub(super) fn check_divided(&self) -> Result<(), Diagnostics> {
        let divided = self.graph.nodes().filter(|node| node.config.partition_by.is_some());
        let refused = divided.filter_map(|node| match self.builder_of(node) {
            Builder::Jinja { id, why } => Some(refusal(node, &id, &why)),
            // Rust divides it; what is missing is told by the commands that build.
            Builder::Rust | Builder::Missing | Builder::MissingStrategy(_) => None,
        });
        let problems = Diagnostics(refused.collect());
        if problems.has_errors() { Err(problems) } else { Ok(()) }
    }
}

fn refusal(node: &Node, id: &str, why: &Reason) -> Diagnostic {
    let header = node
        .config
        .raw
        .get("sql_header")
        .is_some_and(|header| !header.is_null());
    let (cause, help) = match why {
        Reason::Defined => (
            format!("the project's own materialization `{id}` builds it, which knows nothing of partitions"),
            format!(
                "take `partition_by` away, or give `{id}` a name that is not built in and read `config.get('partition_by')` there"
            ),
        ),
        Reason::Overridden(by) => (
            format!("`{by}` takes part in building it, in the place of a macro that knows nothing of partitions"),
            format!("take `partition_by` away, or rename `{by}`"),
        ),
        Reason::OnlyThere if header => (
            "a `sql_header` is written before a statement that a macro sends".to_owned(),
            "take `partition_by` away, or make a `pre_hook` of the `sql_header`".to_owned(),
        ),
        Reason::OnlyThere => (
            format!(
                "its incremental strategy `{}` is a macro, which knows nothing of partitions",
                node.config
                    .raw
                    .get("incremental_strategy")
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or_default()
            ),
            "take `partition_by` away, or choose `append`, `delete+insert`, `merge` or `microbatch`".to_owned(),
        ),
    };
    Diagnostic::error(
        "not-supported",
        format!("{} has `partition_by`, and is built by the macro {id}", node.name),
    )
    .at(node.declared.clone())
    .because(cause)
    .help(help)
}
