//! Which published models become visible together.

use std::collections::HashMap;
use std::sync::Arc;

use petgraph::unionfind::UnionFind;

use crate::graph::{Graph, Materialization, NodeId, ResourceType};

use super::{Action, Plan};

/// Published models of the plan that hang together: one is made from the other, both are made from the same model of the
/// plan, or a test looks at both.
#[must_use]
pub fn publish_sets(graph: &Graph, plan: &Plan) -> Vec<Vec<NodeId>> {
    let index: HashMap<&str, usize> = plan.steps.keys().enumerate().map(|(i, id)| (&**id, i)).collect();
    let mut groups: UnionFind<usize> = UnionFind::new(plan.steps.len());
    for (id, step) in &plan.steps {
        let own = index[&**id];
        for parent in &step.waits_for {
            let Some(&other) = index.get(&**parent) else { continue };
            let seed = graph
                .node(parent)
                .is_some_and(|n| n.config.materialized == Materialization::Seed);
            // A lookup table that everything joins does not tie everything together.
            if !seed {
                groups.union(own, other);
            }
        }
        if let Action::AuditInside { owner } = &step.action {
            groups.union(own, index[&**owner]);
        }
    }
    let mut sets: Vec<(usize, Vec<NodeId>)> = Vec::new();
    for (id, step) in &plan.steps {
        if !step.is_gated() || step.node.resource_type != ResourceType::Model {
            continue;
        }
        let group = groups.find(index[&**id]);
        match sets.iter_mut().find(|(g, _)| *g == group) {
            Some((_, set)) => set.push(Arc::clone(id)),
            None => sets.push((group, vec![Arc::clone(id)])),
        }
    }
    sets.into_iter().map(|(_, set)| set).collect()
}
