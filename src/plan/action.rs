//! What a step does.

use crate::graph::{Materialization, Node, ResourceType};
use crate::sql::RelationKind;

use super::step::{Action, Current, Facts, Why};

/// What is done with a node, by its configuration and by what is there.
pub fn action(node: &Node, facts: &Facts) -> Action {
    let place = (
        node.relation.stored_schema().into_owned(),
        node.relation.stored_identifier().into_owned(),
    );
    let existing = facts.relations.get(&place).copied();
    let full_refresh = node.config.full_refresh.unwrap_or(facts.full_refresh);
    if node.resource_type == ResourceType::Test {
        return Action::Test;
    }
    if node.resource_type == ResourceType::UnitTest {
        return Action::UnitTest;
    }
    if matches!(node.resource_type, ResourceType::Exposure | ResourceType::SavedQuery) {
        return Action::Nothing;
    }
    let incremental = node.config.materialized == Materialization::Incremental
        && existing == Some(RelationKind::Table)
        && !full_refresh;
    if node.config.microbatch.is_some() && !facts.unbatched.contains(&node.id) {
        return Action::Microbatch {
            existing,
            incremental,
            id: facts.macros.get(&node.id).cloned(),
        };
    }
    if let Some(id) = facts.macros.get(&node.id) {
        return Action::Jinja {
            id: id.clone(),
            incremental,
        };
    }
    if let Some(current) = facts.current.as_ref().filter(|_| node.is_published()) {
        return gated_action(node, facts, current.get(&node.relation.identifier), full_refresh);
    }
    match node.config.materialized {
        Materialization::View => Action::View { existing },
        Materialization::Seed => Action::Seed { existing },
        Materialization::Incremental if incremental => Action::Delta,
        Materialization::Incremental => Action::Incremental { existing },
        _ => Action::Table { existing },
    }
}

fn gated_action(node: &Node, facts: &Facts, current: Option<&Current>, full_refresh: bool) -> Action {
    let definition = facts.definitions.get(&node.id).map_or("", String::as_str);
    let incremental = node.config.materialized == Materialization::Incremental;
    let why = match current {
        _ if !incremental => Why::Always,
        None => Why::First,
        Some(_) if full_refresh => Why::FullRefresh,
        // The project says that it is never built anew.
        Some(current) if current.definition != definition && node.config.full_refresh != Some(false) => {
            Why::DefinitionChanged
        }
        Some(current) => {
            return Action::PublishedDelta {
                current: current.relation.clone(),
                version_id: current.version_id,
                rows: current.rows,
            };
        }
    };
    Action::Version {
        version: facts
            .versions
            .get(&node.id)
            .cloned()
            .unwrap_or_else(|| node.relation.clone()),
        why,
    }
}
