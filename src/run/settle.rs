//! Private views after a publication: in the run they were made on versions that nobody could see yet.

use std::sync::Arc;

use crate::graph::{Materialization, Node, NodeId};
use crate::plan::{Action, Plan};

use super::compile::{View, compile_node};
use super::context::RunContext;
use super::statement::create_view_as;

/// Makes private views read the published names of `versions` from now on, so that they follow later publications and hold
/// no version back from being dropped. `built` tells which steps have ended well.
pub(super) async fn settle_views(
    context: &Arc<RunContext>,
    plan: &Plan,
    versions: &[NodeId],
    built: impl Fn(&NodeId) -> bool,
) {
    let pinned = plan.steps.values().filter(|step| {
        let node = &step.node;
        matches!(step.action, Action::View { .. }) && built(&node.id) && reads_any(context, node, versions)
    });
    for step in pinned {
        let node = &step.node;
        let connection = match context.pool.get().await {
            Ok(connection) => Arc::new(connection.spared()),
            Err(diagnostic) => {
                context.warn(node, "view-not-settled", &diagnostic.message);
                return;
            }
        };
        let view = View {
            this: node.relation.clone(),
            incremental: false,
        };
        let settled = match compile_node(context, node, &view, Some(&connection)) {
            Ok(compiled) => {
                let sql = create_view_as(&node.relation, &compiled.sql, true);
                connection.batch(&sql).await.map(drop).map_err(|error| error.message)
            }
            Err(diagnostic) => Err(diagnostic.message),
        };
        if let Err(cause) = settled {
            let code = "view-not-settled";
            let told = format!("it reads a version that readers do not see until it is built again: {cause}");
            context.warn(node, code, &told);
        }
    }
}

/// Whether a node reads one of these, itself or by way of ephemeral models.
fn reads_any(context: &RunContext, node: &Node, versions: &[NodeId]) -> bool {
    let mut open: Vec<NodeId> = node.depends_on.clone();
    while let Some(id) = open.pop() {
        if versions.contains(&id) {
            return true;
        }
        let ephemeral = |parent: &&Arc<Node>| parent.config.materialized == Materialization::Ephemeral;
        if let Some(parent) = context.graph.node(&id).filter(ephemeral) {
            open.extend(parent.depends_on.iter().cloned());
        }
    }
    false
}
