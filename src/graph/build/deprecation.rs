//! Warnings about models that are past their time, or will be, and about references that will come to mean something else.

use std::collections::HashMap;

use jiff::Timestamp;

use super::check::what;
use super::resolve::ref_place;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{Node, NodeId, ResourceType};

/// Looks at every model with a `deprecation_date`, and at those who read it.
pub(super) fn deprecated(nodes: &[Node], now: Timestamp, problems: &mut Diagnostics) {
    let by_id: HashMap<&NodeId, &Node> = nodes.iter().map(|node| (&node.id, node)).collect();
    for node in nodes {
        if let Some(date) = &node.deprecation_date
            && is_past(date, now)
        {
            problems.push(
                Diagnostic::warning(
                    "deprecated-model",
                    format!("{} has passed its deprecation date of {date}", shown(node)),
                )
                .at(node.declared.clone())
                .help("disable it, or remove it"),
            );
        }
        if node.resource_type != ResourceType::Model {
            continue;
        }
        for parent in node.depends_on.iter().filter_map(|id| by_id.get(id)) {
            let Some(date) = &parent.deprecation_date else { continue };
            let mut code = "deprecated-ref";
            let mut tense = "was";
            if !is_past(date, now) {
                code = "upcoming-deprecation";
                tense = "will be";
            }
            let diagnostic = Diagnostic::warning(
                code,
                format!(
                    "{} reads {}, which {tense} deprecated on {date}",
                    what(node),
                    shown(parent)
                ),
            )
            .at(ref_place(node, &parent.name));
            problems.push(match &parent.version {
                Some(version) if !version.is_latest() => diagnostic.help(format!(
                    "read the latest version: ref('{}', '{}', v={})",
                    parent.package, parent.name, version.latest
                )),
                _ => diagnostic,
            });
        }
    }
}

/// A reference without a version to a model of which there is a newer version than the latest: it will change its
/// meaning.
pub(super) fn unpinned(nodes: &[Node], problems: &mut Diagnostics) {
    let mut newest: HashMap<(&str, &str), &Node> = HashMap::new();
    for node in nodes {
        let Some(version) = &node.version else { continue };
        let there = newest.entry((&node.package, &node.name)).or_insert(node);
        if let Some(other) = &there.version
            && version.name.order(&other.name).is_gt()
        {
            *there = node;
        }
    }
    let by_id: HashMap<&NodeId, &Node> = nodes.iter().map(|node| (&node.id, node)).collect();
    for node in nodes.iter().filter(|node| node.resource_type != ResourceType::Test) {
        for reference in node.refs.iter().filter(|reference| reference.version.is_none()) {
            let parents = node.depends_on.iter().filter_map(|id| by_id.get(id));
            let meant = parents.into_iter().find(|parent| {
                parent.name == reference.name
                    && parent
                        .version
                        .as_ref()
                        .is_some_and(crate::project::ModelVersion::is_latest)
            });
            let Some(meant) = meant else { continue };
            let (Some(latest), Some(newest)) = (
                &meant.version,
                newest
                    .get(&(meant.package.as_str(), meant.name.as_str()))
                    .and_then(|node| node.version.as_ref()),
            ) else {
                continue;
            };
            if newest.name.order(&latest.name).is_gt() {
                problems.push(
                    Diagnostic::warning(
                        "unpinned-ref",
                        format!("{} refers to `{}` without a version", what(node), meant.name),
                    )
                    .at(ref_place(node, &meant.name))
                    .because(format!(
                        "that means version {} now, and version {} once that is the latest",
                        latest.name, newest.name
                    ))
                    .help(format!(
                        "write ref('{}', v={}) to stay with it",
                        meant.name, latest.name
                    )),
                );
            }
        }
    }
}

fn shown(node: &Node) -> String {
    match &node.version {
        Some(version) => format!("model `{}.v{}`", node.name, version.name),
        None => what(node),
    }
}

fn is_past(date: &str, now: Timestamp) -> bool {
    date.parse::<Timestamp>().is_ok_and(|date| date < now)
}
