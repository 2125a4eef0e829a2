//! The steps of a run, their order, and why each does what it does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, Materialization, Node, NodeId, ResourceType};
use crate::sql::{Relation, RelationKind};

/// What is guessed for a node that never ran, in seconds.
const UNKNOWN_SECONDS: f64 = 0.1;

/// Why a published incremental model is built anew instead of taking a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    First,
    FullRefresh,
    DefinitionChanged,
    /// Tables and views are built anew in every run.
    Always,
}

impl Why {
    /// For people; empty where there is nothing to explain.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::First => "first build",
            Self::FullRefresh => "full refresh asked for",
            Self::DefinitionChanged => "its definition changed",
            Self::Always => "",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// In place, as dbt does.
    View {
        existing: Option<RelationKind>,
    },
    Table {
        existing: Option<RelationKind>,
    },
    /// First build or full refresh of an incremental model, in place.
    Incremental {
        existing: Option<RelationKind>,
    },
    /// New rows into the incremental model that stands.
    Delta,
    /// A microbatch model: one batch after the other.
    Microbatch {
        existing: Option<RelationKind>,
        /// The first batch is added to what stands, too.
        incremental: bool,
        /// The macro that builds each batch, where Rust does not.
        id: Option<Result<String, Diagnostic>>,
    },
    Seed {
        existing: Option<RelationKind>,
    },
    /// Built by a materialization written in Jinja.
    Jinja {
        /// Its macro, or what is missing, which is this node's failure.
        id: Result<String, Diagnostic>,
        /// What `is_incremental()` answers.
        incremental: bool,
    },
    /// A data test on a connection of its own.
    Test,
    /// A unit test, before the model that it tests.
    UnitTest,
    /// How old a source is.
    Freshness,
    /// An exposure: nothing to do, once everything that it stands on is done.
    Nothing,
    /// A data test that its owner runs inside its own transaction.
    AuditInside {
        owner: NodeId,
    },
    /// A new version of a published model, beside the one that readers see.
    Version {
        version: Relation,
        why: Why,
    },
    /// New rows into the published version, audited before they are committed.
    PublishedDelta {
        current: Relation,
        version_id: i64,
        rows: Option<i64>,
    },
}

#[derive(Clone, Debug)]
pub struct Step {
    pub node: Arc<Node>,
    pub action: Action,
    /// Steps that must have ended well before this one starts.
    pub waits_for: Vec<NodeId>,
    /// Publish sets, by their place in [`Plan::sets`], that must be what readers see before this one starts.
    pub after_sets: Vec<usize>,
    /// Tests that this step runs inside its own transaction.
    pub audits: Vec<NodeId>,
    /// Tests of published views that read this model and so show its delta at once; run like `audits`.
    pub audits_of_views: Vec<NodeId>,
    /// Hash of what a published model is made from; empty for others.
    pub definition: String,
    /// Longest path to the end of the run, in seconds: what starts first.
    pub weight: f64,
}

impl Step {
    /// Builds a version or takes a delta of a published model.
    #[must_use]
    pub fn is_gated(&self) -> bool {
        matches!(self.action, Action::Version { .. } | Action::PublishedDelta { .. })
    }
}

/// The published version of a model, as the ledger has it.
#[derive(Clone, Debug)]
pub struct Current {
    pub version_id: i64,
    pub relation: Relation,
    pub definition: String,
    pub rows: Option<i64>,
}

/// What the plan is made from, besides the graph.
#[derive(Debug, Default)]
pub struct Facts {
    /// By (schema, identifier).
    pub relations: HashMap<(String, String), RelationKind>,
    /// The materialization macros of nodes that are not built by Rust.
    pub macros: HashMap<NodeId, Result<String, Diagnostic>>,
    /// Microbatch models whose strategy the project defines anew: they are built in one go.
    pub unbatched: HashSet<NodeId>,
    /// By published name; `None` where the project has no gate.
    pub current: Option<HashMap<String, Current>>,
    pub definitions: HashMap<NodeId, String>,
    /// The name that a new version of a published model gets.
    pub versions: HashMap<NodeId, Relation>,
    /// Seconds that each node took last time.
    pub seconds: HashMap<String, f64>,
    pub full_refresh: bool,
    /// Tests hold up what is downstream of what they test, as in `build`.
    pub tests_block: bool,
    /// What is below any parent of a test, not of all.
    pub holds_below_any: bool,
    /// All that is published becomes visible at once.
    pub together: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In topological order.
    pub steps: IndexMap<NodeId, Step>,
    /// Published models that become visible together.
    pub sets: Vec<super::PublishSet>,
}

impl Plan {
    /// Plans the selected nodes. Ephemeral models, analyses and sources never become steps. In a project with
    /// a gate, the data tests of every published model that is built are part of the plan, selected or not.
    #[must_use]
    pub fn new(graph: &Graph, selected: &IndexSet<NodeId>, facts: &Facts) -> Self {
        let order: Vec<NodeId> = graph.topological().map(|n| Arc::clone(&n.id)).collect();
        let rank: HashMap<&str, usize> = order.iter().enumerate().map(|(i, id)| (&**id, i)).collect();
        let mut chosen: HashSet<NodeId> = selected.iter().filter(|id| becomes_step(graph, id)).cloned().collect();
        if facts.current.is_some() {
            bring_views(graph, &order, facts, &mut chosen);
            for node in graph.nodes().filter(|n| n.resource_type == ResourceType::Test) {
                let published = |id: &NodeId| graph.node(id).filter(|n| n.is_published());
                let audits = |id: &NodeId| chosen.contains(id) && published(id).is_some();
                // There is nothing yet to compare with: the test is an audit of the other model once that is built.
                let later = |id: &NodeId| !chosen.contains(id) && published(id).is_some_and(|n| !is_current(n, facts));
                if node.config.enabled && node.depends_on.iter().any(audits) && !node.depends_on.iter().any(later) {
                    chosen.insert(Arc::clone(&node.id));
                }
            }
        }
        let mut plan = Self::default();
        let nearest = nearest_chosen(graph, &order, &chosen);
        for id in order.iter().filter(|id| chosen.contains(*id)) {
            let Some(node) = graph.node(id) else { continue };
            let action = super::action(node, facts);
            let definition = match &action {
                Action::Version { .. } | Action::PublishedDelta { .. } => {
                    facts.definitions.get(id).cloned().unwrap_or_default()
                }
                _ => String::new(),
            };
            let step = Step {
                node: Arc::clone(node),
                action,
                waits_for: nearest.get(id).cloned().unwrap_or_default().into_iter().collect(),
                after_sets: Vec::new(),
                audits: Vec::new(),
                audits_of_views: Vec::new(),
                definition,
                weight: 0.0,
            };
            plan.steps.insert(Arc::clone(id), step);
        }
        plan.attach_unit_tests(graph, &nearest);
        plan.attach_delta_audits(graph, &rank);
        let rank = plan.rank();
        plan.attach_tests(graph, &rank, facts);
        plan.attach_view_audits(graph, facts);
        plan.hold_below_any(graph, facts);
        plan.sort(facts);
        plan.sets = super::publish_sets(graph, &mut plan, facts.together);
        plan
    }

    /// Looks at the age of sources, in the order of their ids.
    #[must_use]
    pub fn freshness(graph: &Graph, selected: &IndexSet<NodeId>) -> Self {
        let mut sources: Vec<&Arc<Node>> = selected.iter().filter_map(|id| graph.node(id)).collect();
        sources.sort_by_key(|node| &node.id);
        let step = |node: &Arc<Node>| Step {
            node: Arc::clone(node),
            action: Action::Freshness,
            waits_for: Vec::new(),
            after_sets: Vec::new(),
            audits: Vec::new(),
            audits_of_views: Vec::new(),
            definition: String::new(),
            weight: 0.0,
        };
        Self {
            steps: sources
                .into_iter()
                .map(|node| (Arc::clone(&node.id), step(node)))
                .collect(),
            sets: Vec::new(),
        }
    }

    /// Each step's place in an order in which every step comes after those it waits for.
    fn rank(&self) -> HashMap<NodeId, usize> {
        let order = self.order();
        order.into_iter().enumerate().map(|(i, id)| (id, i)).collect()
    }

    /// The step that builds a model; for an ephemeral model, those that build what it is written into.
    fn built_from(&self, graph: &Graph, model: &NodeId) -> Vec<NodeId> {
        let (mut steps, mut open) = (Vec::new(), vec![Arc::clone(model)]);
        while let Some(id) = open.pop() {
            if self.steps.contains_key(&id) {
                if !steps.contains(&id) {
                    steps.push(id);
                }
                continue;
            }
            let ephemeral = |node: &Arc<Node>| node.config.materialized == Materialization::Ephemeral;
            if graph.node(&id).is_some_and(ephemeral) {
                let children = graph.children(&id).into_iter();
                let models = children.filter(|node| node.resource_type == ResourceType::Model);
                open.extend(models.map(|node| Arc::clone(&node.id)));
            }
        }
        steps
    }

    /// A unit test comes before the model that it tests, and after what the model reads.
    fn attach_unit_tests(&mut self, graph: &Graph, nearest: &HashMap<NodeId, IndexSet<NodeId>>) {
        let tests: Vec<Arc<Node>> = self
            .steps
            .values()
            .filter(|step| step.action == Action::UnitTest)
            .map(|step| Arc::clone(&step.node))
            .collect();
        for test in tests {
            let Some(model) = test.depends_on.first() else { continue };
            if self.steps.contains_key(model) {
                let waits: Vec<NodeId> = nearest.get(model).cloned().unwrap_or_default().into_iter().collect();
                self.steps[&test.id].waits_for = waits;
            }
            for held in self.built_from(graph, model) {
                self.steps[&held].waits_for.push(Arc::clone(&test.id));
            }
        }
    }

    /// Topological order, with the edges that tests have added.
    fn order(&self) -> Vec<NodeId> {
        let mut order: Vec<NodeId> = Vec::with_capacity(self.steps.len());
        let mut done: HashSet<NodeId> = HashSet::new();
        let mut left: Vec<NodeId> = self.steps.keys().cloned().collect();
        while !left.is_empty() {
            let (ready, later): (Vec<NodeId>, Vec<NodeId>) = left.into_iter().partition(|id| {
                self.steps[id]
                    .waits_for
                    .iter()
                    .all(|w| done.contains(w) || !self.steps.contains_key(w))
            });
            if ready.is_empty() {
                // Not reachable for an acyclic graph; keep the order we had rather than lose a step.
                order.extend(later);
                break;
            }
            done.extend(ready.iter().cloned());
            order.extend(ready);
            left = later;
        }
        order
    }

    /// Topological order again (tests have moved edges), with weights from the end backwards.
    fn sort(&mut self, facts: &Facts) {
        let order = self.order();
        let mut weights: HashMap<NodeId, f64> = HashMap::new();
        for id in order.iter().rev() {
            let own = facts.seconds.get(&**id).copied().unwrap_or(UNKNOWN_SECONDS);
            let weight = own + weights.get(id).copied().unwrap_or(0.0);
            self.steps[id].weight = weight;
            for parent in &self.steps[id].waits_for {
                let best = weights.entry(Arc::clone(parent)).or_insert(0.0);
                *best = best.max(weight);
            }
        }
        let mut steps = std::mem::take(&mut self.steps);
        for id in order {
            if let Some(step) = steps.swap_remove(&id) {
                self.steps.insert(id, step);
            }
        }
    }
}

/// Whether readers have a version of it.
fn is_current(node: &Node, facts: &Facts) -> bool {
    let current = facts.current.as_ref();
    current.is_some_and(|current| current.contains_key(&node.relation.identifier))
}

/// A published view shows the version that it was made on. Where that is replaced, the view is made anew with it.
fn bring_views(graph: &Graph, order: &[NodeId], facts: &Facts, chosen: &mut HashSet<NodeId>) {
    for id in order {
        let renewed = graph
            .node(id)
            .is_some_and(|node| chosen.contains(id) && matches!(super::action(node, facts), Action::Version { .. }));
        if !renewed {
            continue;
        }
        let mut open = vec![Arc::clone(id)];
        while let Some(next) = open.pop() {
            for child in graph.children(&next) {
                match child.config.materialized {
                    Materialization::Ephemeral => open.push(Arc::clone(&child.id)),
                    Materialization::View
                        if child.is_published() && child.config.enabled && is_current(child, facts) =>
                    {
                        chosen.insert(Arc::clone(&child.id));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn becomes_step(graph: &Graph, id: &NodeId) -> bool {
    graph.node(id).is_some_and(|node| match node.resource_type {
        ResourceType::Model => node.config.materialized != Materialization::Ephemeral,
        ResourceType::Seed
        | ResourceType::Snapshot
        | ResourceType::Test
        | ResourceType::UnitTest
        | ResourceType::Exposure
        | ResourceType::SavedQuery
        | ResourceType::Function => true,
        _ => false,
    })
}

/// For each node, the chosen nodes above it that no other chosen node stands before.
fn nearest_chosen(graph: &Graph, order: &[NodeId], chosen: &HashSet<NodeId>) -> HashMap<NodeId, IndexSet<NodeId>> {
    let mut nearest: HashMap<NodeId, IndexSet<NodeId>> = HashMap::new();
    for id in order {
        let mut found = IndexSet::new();
        for parent in graph.parents(id) {
            if chosen.contains(&parent.id) {
                found.insert(Arc::clone(&parent.id));
            } else if let Some(above) = nearest.get(&parent.id) {
                found.extend(above.iter().cloned());
            }
        }
        nearest.insert(Arc::clone(id), found);
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Access, test_node};

    /// `a -> b -> c`, all published, `b` incremental; `t_a` tests a, `t_ab` tests a and b.
    fn graph() -> Graph {
        let published = |name: &str, parents: &[&str], materialized| {
            let mut node = test_node(name, parents);
            node.access = Access::Public;
            node.config.materialized = materialized;
            Arc::new(node)
        };
        let test = |name: &str, parents: &[&str]| {
            let mut node = test_node(name, parents);
            node.resource_type = ResourceType::Test;
            node.config.materialized = Materialization::Test;
            Arc::new(node)
        };
        let nodes = vec![
            published("a", &[], Materialization::Table),
            published("b", &["a"], Materialization::Incremental),
            published("c", &["b"], Materialization::View),
            test("t_a", &["a"]),
            test("t_ab", &["a", "b"]),
            test("t_c", &["c"]),
        ];
        Graph::new("shop", nodes, Vec::new()).expect("no cycle")
    }

    fn id(name: &str) -> NodeId {
        Arc::from(format!("model.shop.{name}"))
    }

    fn names(ids: &[NodeId]) -> Vec<&str> {
        ids.iter().map(|id| id.rsplit('.').next().unwrap_or_default()).collect()
    }

    fn plan(selected: &[&str], change: impl FnOnce(&mut Facts)) -> Plan {
        let mut facts = Facts {
            tests_block: true,
            ..Facts::default()
        };
        change(&mut facts);
        let selected: IndexSet<NodeId> = selected.iter().map(|name| id(name)).collect();
        Plan::new(&graph(), &selected, &facts)
    }

    fn gated(facts: &mut Facts) {
        let current = Current {
            version_id: 1,
            relation: Relation::new(None, "v", "b__1"),
            definition: "same".into(),
            rows: None,
        };
        let view = Current {
            version_id: 2,
            ..current.clone()
        };
        let a = ("a".to_owned(), current.clone());
        facts.current = Some(HashMap::from([a, ("b".to_owned(), current), ("c".to_owned(), view)]));
        facts.definitions = HashMap::from([(id("b"), "same".to_owned())]);
    }

    #[test]
    fn a_test_stands_between_its_last_parent_and_what_follows() {
        let plan = plan(&["a", "b", "c", "t_a", "t_ab", "t_c"], |_| {});
        assert_eq!(names(&plan.steps[&id("b")].waits_for), ["a", "t_a"]);
        assert_eq!(names(&plan.steps[&id("c")].waits_for), ["b", "t_ab"]);
        assert_eq!(names(&plan.steps[&id("t_ab")].waits_for), ["a", "b"]);
        assert!(plan.sets.is_empty(), "no gate, nothing to publish");
    }

    #[test]
    fn a_test_of_two_holds_only_what_is_below_both() {
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        for (name, parents) in [
            ("x", &[][..]),
            ("y", &[]),
            ("below_y", &["y"]),
            ("below_both", &["below_y", "x"]),
            ("t", &["x", "y"]),
        ] {
            let mut node = test_node(name, parents);
            if name == "t" {
                node.resource_type = ResourceType::Test;
                node.config.materialized = Materialization::Test;
            }
            nodes.push(Arc::new(node));
        }
        let selected: IndexSet<NodeId> = nodes.iter().map(|node| Arc::clone(&node.id)).collect();
        let graph = Graph::new("shop", nodes, Vec::new()).expect("no cycle");
        let facts = Facts {
            tests_block: true,
            ..Facts::default()
        };
        let plan = Plan::new(&graph, &selected, &facts);
        assert_eq!(names(&plan.steps[&id("below_y")].waits_for), ["y"]);
        assert_eq!(names(&plan.steps[&id("below_both")].waits_for), ["below_y", "x", "t"]);
    }

    #[test]
    fn steps_wait_through_what_was_not_selected() {
        let plan = plan(&["a", "c"], |_| {});
        assert_eq!(names(&plan.steps[&id("c")].waits_for), ["a"]);
    }

    #[test]
    fn a_published_delta_runs_its_audits_and_those_of_views_on_it() {
        let plan = plan(&["b"], gated);
        let step = &plan.steps[&id("b")];
        assert!(matches!(step.action, Action::PublishedDelta { version_id: 1, .. }));
        assert_eq!(names(&step.audits), ["t_ab"], "audits come along unasked");
        assert_eq!(names(&step.audits_of_views), ["t_c"]);
        assert_eq!(plan.steps[&id("t_ab")].action, Action::AuditInside { owner: id("b") });
    }

    #[test]
    fn a_delta_waits_for_what_its_audits_look_at() {
        // `t` joins the delta with `z`, which nothing ties to it and which comes later; `t2` with what is made from it.
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        for (name, parents, materialized) in [
            ("b", &[][..], Materialization::Incremental),
            ("z", &[], Materialization::Table),
            ("y", &["b"], Materialization::Table),
            ("t", &["b", "z"], Materialization::Test),
            ("t2", &["b", "y"], Materialization::Test),
        ] {
            let mut node = test_node(name, parents);
            node.access = Access::Public;
            if materialized == Materialization::Test {
                node.resource_type = ResourceType::Test;
            }
            node.config.materialized = materialized;
            nodes.push(Arc::new(node));
        }
        let graph = Graph::new("shop", nodes, Vec::new()).expect("no cycle");
        let mut facts = Facts::default();
        gated(&mut facts);
        let selected: IndexSet<NodeId> = ["b", "z", "y"].iter().map(|name| id(name)).collect();
        let plan = Plan::new(&graph, &selected, &facts);
        assert_eq!(names(&plan.steps[&id("b")].audits), ["t"]);
        assert_eq!(names(&plan.steps[&id("b")].waits_for), ["z"]);
        assert_eq!(plan.steps[&id("t2")].action, Action::Test);
        assert_eq!(names(&plan.steps[&id("y")].waits_for), ["b"]);
    }

    #[test]
    fn tests_of_a_view_that_was_never_published_wait_for_the_view() {
        let plan = plan(&["b", "c"], |facts| {
            gated(facts);
            facts.current.as_mut().expect("gated").remove("c");
        });
        assert!(plan.steps[&id("b")].audits_of_views.is_empty());
        assert_eq!(plan.steps[&id("t_c")].action, Action::Test);
    }

    #[test]
    fn a_changed_definition_or_a_full_refresh_makes_a_version() {
        let why = |change: fn(&mut Facts)| {
            let plan = plan(&["b"], |facts| {
                gated(facts);
                change(facts);
            });
            match plan.steps[&id("b")].action {
                Action::Version { why, .. } => Some(why),
                _ => None,
            }
        };
        assert_eq!(why(|_| {}), None);
        assert_eq!(why(|f| f.full_refresh = true), Some(Why::FullRefresh));
        assert_eq!(
            why(|f| drop(f.definitions.insert(id("b"), "other".into()))),
            Some(Why::DefinitionChanged)
        );
        assert_eq!(why(|f| f.current = Some(HashMap::new())), Some(Why::First));
    }

    #[test]
    fn what_hangs_together_is_published_together() {
        // What keeps rows takes them from what is published; what is made anew is published with what it is made from.
        let kept = plan(&["a", "b", "c"], gated);
        assert_eq!(kept.sets.len(), 2);
        assert_eq!(names(&kept.sets[0].members), ["a"]);
        assert_eq!(names(&kept.sets[1].members), ["b", "c"]);
        assert_eq!(kept.steps[&id("b")].after_sets, [0]);
        let anew = plan(&["a", "b", "c"], |facts| {
            gated(&mut *facts);
            facts.full_refresh = true;
        });
        assert_eq!(anew.sets.len(), 1);
        assert_eq!(names(&anew.sets[0].members), ["a", "b", "c"]);
    }

    #[test]
    fn the_longest_remaining_path_weighs_most() {
        let plan = plan(&["a", "b", "c"], |facts| {
            facts.seconds = HashMap::from([("model.shop.a".to_owned(), 1.0), ("model.shop.b".to_owned(), 2.0)]);
        });
        let weight = |name: &str| plan.steps[&id(name)].weight;
        assert!((weight("a") - 3.1).abs() < 1e-9 && (weight("c") - 0.1).abs() < 1e-9);
    }
}
