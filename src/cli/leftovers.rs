//! What a killed run left beside the relations that this run builds.

use std::sync::Arc;

use indexmap::IndexSet;

use crate::graph::{Node, NodeId, ResourceType};
use crate::plan::Facts;
use crate::postgres::Connection;
use crate::run::{Level, drop_relation};
use crate::sql::Relation;

use super::workspace::Workspace;

/// What materializations written in Jinja call a relation for a while.
const PASSING: [&str; 2] = ["__dbt_backup", "__dbt_tmp"];

/// PostgreSQL's longest name, in characters as dbt counts them.
const LONGEST_NAME: usize = 63;

/// Drops what has the name that a node's relation gives to its old or its next self for a while: nobody who builds it now
/// can have committed it under that name. What others built on, or are reading, stays.
pub(super) async fn drop_left(
    workspace: &Workspace,
    connection: &Connection,
    selected: &IndexSet<NodeId>,
    facts: &mut Facts,
) {
    let built = |node: &&Arc<Node>| {
        matches!(
            node.resource_type,
            ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot
        )
    };
    for node in selected.iter().filter_map(|id| workspace.graph.node(id)).filter(built) {
        for suffix in PASSING {
            let relation = passing(&node.relation, suffix);
            let place = (
                relation.stored_schema().into_owned(),
                relation.stored_identifier().into_owned(),
            );
            let Some(kind) = facts.relations.get(&place).copied() else {
                continue;
            };
            if workspace.graph.nodes().any(|other| other.relation == relation) {
                continue;
            }
            let drop = format!(
                "begin; set local lock_timeout = '1s'; {}commit;",
                drop_relation(&relation, kind)
            );
            let told = match connection.batch(&drop).await {
                Ok(_) => {
                    facts.relations.remove(&place);
                    format!("Dropped what an earlier run left: {}", relation.plain())
                }
                Err(error) => {
                    // Where this fails the connection is gone, and the next question says so.
                    let _ = connection.rollback().await;
                    let why = error.detail.unwrap_or(error.message);
                    format!("What an earlier run left is kept: {}: {why}", relation.plain())
                }
            };
            workspace.talk.say(Level::Info, &told);
        }
    }
}

fn passing(relation: &Relation, suffix: &str) -> Relation {
    let name: String = relation.identifier.chars().take(LONGEST_NAME - suffix.len()).collect();
    relation.sibling(format!("{name}{suffix}"))
}
