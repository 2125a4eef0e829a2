//! The table of days that a semantic layer needs.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{Node, ResourceType};
use crate::project::GRANULARITIES;

/// The model that stood for it before models could say it.
const FORMER: &str = "metricflow_time_spine";

/// Semantic models without a time spine of days are told.
pub(super) fn check(nodes: &[Node], problems: &mut Diagnostics) {
    let of_kind = |kind| nodes.iter().filter(move |node: &&Node| node.resource_type == kind);
    let Some(first) = of_kind(ResourceType::SemanticModel).next() else {
        return;
    };
    let is_fine = |node: &Node| {
        let spine = node.semantics.time_spine.as_ref();
        let column = spine.and_then(|spine| spine["standard_granularity_column"].as_str());
        column
            .and_then(|column| node.columns.get(column)?.semantics.granularity.as_deref())
            .is_some_and(is_a_day_at_most)
    };
    if of_kind(ResourceType::Model).any(|node| node.name == FORMER || is_fine(node)) {
        return;
    }
    problems.push(
        Diagnostic::error(
            "missing-time-spine",
            "there are semantic models, but no model is a time spine of days or finer",
        )
        .at(first.declared.clone())
        .help(
            "give a model with one row a day `time_spine: {standard_granularity_column: day}`, and that column \
             `granularity: day`",
        ),
    );
}

fn is_a_day_at_most(granularity: &str) -> bool {
    let place = |name: &str| GRANULARITIES.iter().position(|known| *known == name);
    place(granularity).is_some_and(|at| Some(at) <= place("day"))
}
