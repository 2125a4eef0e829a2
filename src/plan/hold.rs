//! What a test keeps from starting until it has passed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::graph::{Graph, Node, NodeId, ResourceType};

use super::step::{Action, Facts, Plan, Step};

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
        let below = self.below();
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

    /// Makes what is below any parent of a test wait for it, where `build` otherwise holds only what is below all of them.
    /// What the test looks at never waits for it. Where several tests would wait for each other in a circle, the last of them
    /// holds only what is below all its parents.
    pub(super) fn hold_below_any(&mut self, graph: &Graph, facts: &Facts) {
        if !facts.holds_below_any || !facts.tests_block {
            return;
        }
        let tests: Vec<Arc<Node>> = self
            .steps
            .values()
            .filter(|step| matches!(step.action, Action::Test | Action::AuditInside { .. }))
            .filter(|step| step.node.depends_on.len() > 1 && !self.is_after_publication(step))
            .map(|step| Arc::clone(&step.node))
            .collect();
        let below = self.below();
        let mut above = Above::default();
        for test in tests {
            // By way of other tests, too: these would be the circles.
            let before = self.before(&test.id, |_| true);
            let mut held = self.first_below_any(graph, &test, &below, &mut above);
            if held.iter().any(|id| before.contains(id)) {
                continue;
            }
            held.retain(|id| !self.steps[id].waits_for.contains(&test.id));
            for id in held {
                self.steps[&id].waits_for.push(Arc::clone(&test.id));
            }
        }
    }

    /// Whether a test runs inside a delta that starts when a version at which it looks as well is published. To hold what is
    /// below that version would protect nobody, and tear it out of the version's publish set.
    fn is_after_publication(&self, test: &Step) -> bool {
        let Action::AuditInside { owner } = &test.action else {
            return false;
        };
        let others = test.waits_for.iter().filter(|id| *id != owner);
        others
            .filter_map(|id| self.steps.get(id))
            .any(|step| matches!(step.action, Action::Version { .. }))
    }

    /// The first steps on every way down from what the test looks at that it does not look at, directly or through others.
    fn first_below_any(
        &self,
        graph: &Graph,
        test: &Node,
        below: &HashMap<NodeId, Vec<NodeId>>,
        above: &mut Above,
    ) -> Vec<NodeId> {
        let looked_at = self.before(&test.id, |step| step.node.resource_type != ResourceType::Test);
        let mut seen: HashSet<NodeId> = HashSet::new();
        let (mut held, mut open) = (Vec::new(), self.readers(test));
        for parent in &self.steps[&test.id].waits_for {
            open.extend(below.get(parent).into_iter().flatten().cloned());
        }
        while let Some(id) = open.pop() {
            if !seen.insert(Arc::clone(&id)) {
                continue;
            }
            let from = self.built_after(&id);
            if !looked_at.contains(&id) && above.has_any(graph, &from, &test.depends_on) {
                held.push(id);
            } else {
                open.extend(below.get(&id).into_iter().flatten().cloned());
            }
        }
        held
    }

    /// What the step waits for, directly or through steps that `through` lets pass.
    fn before(&self, id: &NodeId, through: impl Fn(&Step) -> bool) -> HashSet<NodeId> {
        let mut found: HashSet<NodeId> = HashSet::new();
        let mut open = vec![id];
        while let Some(step) = open.pop().and_then(|id| self.steps.get(id)) {
            for parent in &step.waits_for {
                let passes = self.steps.get(parent).is_some_and(&through);
                if passes && found.insert(Arc::clone(parent)) {
                    open.push(parent);
                }
            }
        }
        found
    }

    /// The steps that wait for each step, tests left out.
    fn below(&self) -> HashMap<NodeId, Vec<NodeId>> {
        let mut below: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let steps = self.steps.values();
        for step in steps.filter(|step| step.node.resource_type != ResourceType::Test) {
            for parent in &step.waits_for {
                below
                    .entry(Arc::clone(parent))
                    .or_default()
                    .push(Arc::clone(&step.node.id));
            }
        }
        below
    }

    /// A unit test comes before its model, so it is below what the model is below.
    fn built_after(&self, id: &NodeId) -> NodeId {
        let step = &self.steps[id];
        let model = match step.action {
            Action::UnitTest => step.node.depends_on.first(),
            _ => None,
        };
        Arc::clone(model.unwrap_or(id))
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
            let from = self.built_after(&id);
            if above.has_all(graph, &from, &test.depends_on) {
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
    fn of(&mut self, graph: &Graph, id: &NodeId) -> &HashSet<NodeId> {
        self.0.entry(Arc::clone(id)).or_insert_with(|| {
            let found = graph.ancestors(id, None);
            found.into_iter().map(|node| Arc::clone(&node.id)).collect()
        })
    }

    fn has_all(&mut self, graph: &Graph, id: &NodeId, wanted: &[NodeId]) -> bool {
        let above = self.of(graph, id);
        wanted.iter().all(|node| above.contains(node))
    }

    fn has_any(&mut self, graph: &Graph, id: &NodeId, wanted: &[NodeId]) -> bool {
        let above = self.of(graph, id);
        wanted.iter().any(|node| above.contains(node))
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexSet;

    use super::*;
    use crate::graph::{Materialization, test_node};

    fn id(name: &str) -> NodeId {
        Arc::from(format!("model.shop.{name}"))
    }

    /// Names and parents; a name that starts with `t` is a test. All of it is built.
    fn plan(nodes: &[(&str, &[&str])], holds_below_any: bool) -> Plan {
        let nodes: Vec<Arc<Node>> = nodes
            .iter()
            .map(|(name, parents)| {
                let mut node = test_node(name, parents);
                if name.starts_with('t') {
                    node.resource_type = ResourceType::Test;
                    node.config.materialized = Materialization::Test;
                }
                Arc::new(node)
            })
            .collect();
        let selected: IndexSet<NodeId> = nodes.iter().map(|node| Arc::clone(&node.id)).collect();
        let graph = Graph::new("shop", nodes, Vec::new()).expect("no cycle");
        let facts = Facts {
            tests_block: true,
            holds_below_any,
            ..Facts::default()
        };
        Plan::new(&graph, &selected, &facts)
    }

    fn waits(plan: &Plan, name: &str) -> Vec<String> {
        let short = |id: &NodeId| id.rsplit('.').next().unwrap_or_default().to_owned();
        plan.steps[&id(name)].waits_for.iter().map(short).collect()
    }

    #[test]
    fn a_test_of_two_holds_what_is_below_either() {
        let nodes: &[(&str, &[&str])] = &[
            ("x", &[]),
            ("y", &[]),
            ("below_x", &["x"]),
            ("below_y", &["y"]),
            ("far", &["below_y"]),
            ("t", &["x", "y"]),
        ];
        let held = plan(nodes, true);
        assert_eq!(waits(&held, "below_x"), ["x", "t"]);
        assert_eq!(waits(&held, "below_y"), ["y", "t"]);
        assert_eq!(waits(&held, "far"), ["below_y"], "it waits through what is above it");
        assert_eq!(waits(&plan(nodes, false), "below_x"), ["x"]);
    }

    #[test]
    fn what_a_test_looks_at_never_waits_for_it() {
        let nodes: &[(&str, &[&str])] = &[
            ("x", &[]),
            ("between", &["x"]),
            ("y", &["between"]),
            ("aside", &["between"]),
            ("t", &["x", "y"]),
        ];
        let held = plan(nodes, true);
        assert_eq!(waits(&held, "between"), ["x"]);
        assert_eq!(waits(&held, "y"), ["between"]);
        assert_eq!(waits(&held, "aside"), ["between", "t"]);
    }

    #[test]
    fn the_second_of_two_tests_that_would_wait_for_each_other_holds_what_is_below_all() {
        // t1 would hold a, which t2 looks at; t2 would hold b, which t1 looks at.
        let nodes: &[(&str, &[&str])] = &[
            ("x", &[]),
            ("y", &[]),
            ("a", &["x"]),
            ("b", &["y"]),
            ("both", &["y", "a"]),
            ("t1", &["x", "b"]),
            ("t2", &["y", "a"]),
        ];
        let held = plan(nodes, true);
        assert_eq!(waits(&held, "a"), ["x", "t1"]);
        assert_eq!(waits(&held, "b"), ["y"]);
        assert!(waits(&held, "both").contains(&"t2".to_owned()));
    }

    /// Numbers that look like chance and are the same in every run.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap_or_default() % end
        }
    }

    #[test]
    fn every_step_of_any_graph_comes_to_its_turn() {
        let mut chance = Chance(7);
        let mut widened = 0;
        for round in 0..300 {
            let models = 2 + chance.below(12);
            let mut nodes: Vec<(String, Vec<String>)> = Vec::new();
            for index in 0..models {
                let parents = (0..index).filter(|_| chance.below(4) == 0).map(|i| format!("m{i}"));
                nodes.push((format!("m{index}"), parents.collect()));
            }
            for index in 0..chance.below(10) {
                let mut parents = vec![format!("m{}", chance.below(models))];
                for _ in 0..chance.below(3) {
                    parents.push(format!("m{}", chance.below(models)));
                }
                parents.sort();
                parents.dedup();
                nodes.push((format!("t{index}"), parents));
            }
            let parents: Vec<Vec<&str>> = nodes
                .iter()
                .map(|(_, p)| p.iter().map(String::as_str).collect())
                .collect();
            let given: Vec<(&str, &[&str])> = nodes
                .iter()
                .zip(&parents)
                .map(|((name, _), parents)| (name.as_str(), parents.as_slice()))
                .collect();
            let (dbt, any) = (plan(&given, false), plan(&given, true));
            let mut done: HashSet<&NodeId> = HashSet::new();
            for (id, step) in &any.steps {
                let early = step.waits_for.iter().find(|parent| !done.contains(parent));
                assert_eq!(early, None, "round {round}: {id} comes before what it waits for");
                done.insert(id);
                let kept = dbt.steps[id]
                    .waits_for
                    .iter()
                    .all(|parent| step.waits_for.contains(parent));
                assert!(kept, "round {round}: {id} waits for less than without the rule");
                widened += step.waits_for.len() - dbt.steps[id].waits_for.len();
            }
            assert_eq!(done.len(), nodes.len(), "round {round}");
        }
        assert!(widened > 100, "the rule was at work");
    }
}
