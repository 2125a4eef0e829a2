//! The tests that a delta must pass before it is committed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::graph::{Graph, Materialization, NodeId, ResourceType};

use super::step::{Action, Facts, Plan};

impl Plan {
    /// A delta is live once it is committed, so whatever tests it belongs inside: the delta waits for the test's other
    /// parents, also for those that would come later in the order. Left out is a test that looks at
    /// something made from the delta, which cannot be asked before.
    pub(super) fn attach_delta_audits(&mut self, graph: &Graph, rank: &HashMap<&str, usize>) {
        let tests: Vec<NodeId> = graph
            .topological()
            .filter(|n| n.resource_type == ResourceType::Test && self.steps.contains_key(&n.id))
            .map(|n| Arc::clone(&n.id))
            .collect();
        for test in tests {
            let parents = self.steps[&test].waits_for.clone();
            let owner = parents
                .iter()
                .filter(|id| matches!(self.steps[*id].action, Action::PublishedDelta { .. }))
                .filter(|id| !parents.iter().any(|other| other != *id && self.comes_after(other, id)))
                .max_by_key(|id| rank.get(&***id).copied().unwrap_or(0));
            let Some(owner) = owner else { continue };
            let step = &mut self.steps[owner];
            step.audits.push(Arc::clone(&test));
            for other in parents.iter().filter(|id| *id != owner) {
                if !step.waits_for.contains(other) {
                    step.waits_for.push(Arc::clone(other));
                }
            }
            self.steps[&test].action = Action::AuditInside {
                owner: Arc::clone(owner),
            };
        }
    }

    /// Whether `later` waits for `earlier`, directly or through others.
    fn comes_after(&self, later: &NodeId, earlier: &NodeId) -> bool {
        let mut seen: HashSet<&NodeId> = HashSet::new();
        let mut left = vec![later];
        while let Some(id) = left.pop() {
            if id == earlier {
                return true;
            }
            if seen.insert(id) {
                left.extend(self.steps.get(id).into_iter().flat_map(|step| &step.waits_for));
            }
        }
        false
    }

    /// A published view shows its parent's delta the moment it is committed, so the view's tests belong to the delta too.
    /// A view that was never published shows nothing; its tests could not even be asked.
    pub(super) fn attach_view_audits(&mut self, graph: &Graph, facts: &Facts) {
        let deltas: Vec<NodeId> = self
            .steps
            .iter()
            .filter(|(_, s)| matches!(s.action, Action::PublishedDelta { .. }))
            .map(|(id, _)| Arc::clone(id))
            .collect();
        for id in deltas {
            let mut views = views_on(graph, &id);
            views.retain(|view| {
                graph.node(view).is_some_and(|node| {
                    node.config.materialized == Materialization::Ephemeral
                        || facts
                            .current
                            .as_ref()
                            .is_some_and(|current| current.contains_key(&node.relation.identifier))
                })
            });
            let mut tests = Vec::new();
            for test in graph
                .nodes()
                .filter(|n| n.resource_type == ResourceType::Test && n.config.enabled)
            {
                if !test.depends_on.iter().any(|p| views.contains(p)) {
                    continue;
                }
                // What looks at something that will be made from the delta comes later.
                let apart: Vec<&NodeId> = test
                    .depends_on
                    .iter()
                    .filter(|p| !views.contains(*p) && **p != id)
                    .collect();
                let planned: Vec<&NodeId> = apart.into_iter().filter(|p| self.steps.contains_key(*p)).collect();
                if planned.iter().any(|p| self.comes_after(p, &id)) {
                    continue;
                }
                let step = &mut self.steps[&id];
                for other in planned {
                    if !step.waits_for.contains(other) {
                        step.waits_for.push(Arc::clone(other));
                    }
                }
                tests.push(Arc::clone(&test.id));
            }
            self.steps[&id].audits_of_views = tests;
        }
    }
}

/// Published views that read `id`, directly or through other published views.
fn views_on(graph: &Graph, id: &NodeId) -> HashSet<NodeId> {
    let mut found = HashSet::new();
    let mut left = vec![Arc::clone(id)];
    while let Some(next) = left.pop() {
        for child in graph.children(&next) {
            let shown_at_once = child.config.materialized == Materialization::Ephemeral
                || (child.is_published() && child.config.materialized == Materialization::View);
            if child.resource_type == ResourceType::Model && shown_at_once && found.insert(Arc::clone(&child.id)) {
                left.push(Arc::clone(&child.id));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use indexmap::IndexSet;

    use super::*;
    use crate::graph::{Access, Node, test_node};
    use crate::plan::Current;
    use crate::sql::Relation;

    fn id(name: &str) -> NodeId {
        Arc::clone(&test_node(name, &[]).id)
    }

    #[test]
    fn a_test_that_also_looks_at_a_model_that_was_never_published_waits_for_that_model() {
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        for (name, parents) in [("b", &[][..]), ("z", &[]), ("t", &["b", "z"])] {
            let mut node = test_node(name, parents);
            node.access = Access::Public;
            node.config.materialized = Materialization::Table;
            if name == "t" {
                node.resource_type = ResourceType::Test;
                node.config.materialized = Materialization::Test;
            }
            nodes.push(Arc::new(node));
        }
        let graph = Graph::new("shop", nodes, Vec::new()).expect("no cycle");
        let mut facts = Facts::default();
        let current = Current {
            version_id: 1,
            relation: Relation::new(None, "v", "b__1"),
            definition: "same".into(),
            rows: None,
        };
        facts.current = Some(HashMap::from([("b".to_owned(), current)]));
        let selecting = |names: &[&str], facts: &Facts| {
            let selected: IndexSet<NodeId> = names.iter().map(|name| id(name)).collect();
            Plan::new(&graph, &selected, facts).steps.contains_key(&id("t"))
        };
        assert!(!selecting(&["b"], &facts), "z was never published");
        assert!(selecting(&["z"], &facts), "b was");
        assert!(selecting(&["b", "z"], &facts));
        assert!(selecting(&["b", "t"], &facts), "asked for");
    }
}
