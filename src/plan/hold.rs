//! What a test keeps from starting until it has passed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::graph::{Graph, Node, NodeId, ResourceType};

use super::step::{Action, Facts, Plan};

impl Plan {
    /// Gives each test its place: after all its parents. In `build`, what is below all of them waits for the test;
    /// what is below a published one waits even when it is not below the others.
    pub(super) fn attach_tests(&mut self, graph: &Graph, rank: &HashMap<NodeId, usize>, facts: &Facts) {
        let tests: Vec<Arc<Node>> = self
            .steps
            .values()
            .filter(|s| s.action == Action::Test)
            .map(|s| Arc::clone(&s.node))
            .collect();
        let mut below: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for step in self
            .steps
            .values()
            .filter(|s| s.node.resource_type != ResourceType::Test)
        {
            for parent in &step.waits_for {
                below
                    .entry(Arc::clone(parent))
                    .or_default()
                    .push(Arc::clone(&step.node.id));
            }
        }
        let mut above = Above::default();
        for test in tests {
            let owner = self.steps[&test.id]
                .waits_for
                .iter()
                .max_by_key(|id| rank.get(*id).copied().unwrap_or(0))
                .map(Arc::clone);
            let gated = owner.as_ref().is_some_and(|id| self.steps[id].is_gated());
            if !facts.tests_block && !gated {
                continue;
            }
            let first = match &owner {
                Some(owner) => below.get(owner).cloned().unwrap_or_default(),
                None => self.readers(&test),
            };
            // No circle: what is held comes after everything that the test looks at.
            let held = if gated || test.depends_on.len() < 2 {
                first
            } else {
                self.below_all(graph, &test, first, &below, &mut above)
            };
            for id in held {
                self.steps[&id].waits_for.push(Arc::clone(&test.id));
            }
        }
    }

    /// The steps that read what the test looks at: where none of that is a step, such as sources.
    fn readers(&self, test: &Node) -> Vec<NodeId> {
        self.steps
            .values()
            .filter(|step| step.node.resource_type != ResourceType::Test)
            .filter(|step| step.node.depends_on.iter().any(|p| test.depends_on.contains(p)))
            .map(|step| Arc::clone(&step.node.id))
            .collect()
    }

    /// The first steps on every way down from `first` that are below everything the test looks at.
    fn below_all(
        &self,
        graph: &Graph,
        test: &Node,
        first: Vec<NodeId>,
        below: &HashMap<NodeId, Vec<NodeId>>,
        above: &mut Above,
    ) -> Vec<NodeId> {
        let mut seen: HashSet<NodeId> = HashSet::new();
        let (mut held, mut open) = (Vec::new(), first);
        while let Some(id) = open.pop() {
            if !seen.insert(Arc::clone(&id)) {
                continue;
            }
            let step = &self.steps[&id];
            // A unit test comes before its model, so it is below what the model is below.
            let from = match step.action {
                Action::UnitTest => step.node.depends_on.first().unwrap_or(&id),
                _ => &id,
            };
            if above.has_all(graph, from, &test.depends_on) {
                held.push(id);
            } else {
                open.extend(below.get(&id).into_iter().flatten().cloned());
            }
        }
        held
    }
}

/// What each node reads, directly or through others; found when it is asked for.
#[derive(Default)]
struct Above(HashMap<NodeId, HashSet<NodeId>>);

impl Above {
    fn has_all(&mut self, graph: &Graph, id: &NodeId, wanted: &[NodeId]) -> bool {
        let above = self.0.entry(Arc::clone(id)).or_insert_with(|| {
            let found = graph.ancestors(id, None);
            found.into_iter().map(|node| Arc::clone(&node.id)).collect()
        });
        wanted.iter().all(|node| above.contains(node))
    }
}
