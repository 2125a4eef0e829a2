//! What a divided table cannot keep.

use super::check::what;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::Node;

/// PostgreSQL keeps a row unique within its partition only; what must be unique in the whole table has to hold the column
/// that divides it.
pub(super) fn check(nodes: &[Node], problems: &mut Diagnostics) {
    for node in nodes {
        let Some(by) = &node.config.partition_by else { continue };
        for unique in by.not_kept(node) {
            problems.push(
                Diagnostic::error("partition-key", format!("{} cannot keep {unique}", what(node)))
                    .at(node.declared.clone())
                    .because(format!(
                        "a table that is divided into partitions is unique only in columns that `{}` is one of",
                        by.field
                    ))
                    .help(format!(
                        "add `{}` to its columns, or test with `unique` instead",
                        by.field
                    )),
            );
        }
    }
}
