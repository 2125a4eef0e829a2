//! Which published models become visible together, and what waits until they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use petgraph::unionfind::UnionFind;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{Graph, Materialization, NodeId, ResourceType};

use super::together::{gather, ties, unfit};
use super::{Action, Plan, Step};

/// Published models that change what readers see in one transaction, and the tests that decide about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishSet {
    pub members: Vec<NodeId>,
    pub audits: Vec<NodeId>,
    /// The named sets that members belong to.
    pub names: Vec<String>,
    /// How many publications come before it.
    pub level: usize,
    /// Steps that run in the transaction which publishes the set, in their order: deltas, and what must read them before.
    /// Where there are none, deltas commit by themselves, and versions are published when all else has ended.
    pub inside: Vec<NodeId>,
    /// What these, the members and the audits stand on, which must have ended before that transaction begins.
    pub before: Vec<NodeId>,
}

/// Where a step stands in relation to publications.
#[derive(Clone, Copy, Default)]
struct Layer {
    /// How many publications must have happened before it.
    level: usize,
    /// Versions that are not yet published by then lie above it, or it is one.
    pending: Pending,
}

/// Which named set versions that are not yet published belong to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Pending {
    #[default]
    None,
    /// All of them to this one, see [`ties`].
    Tied(usize),
    Any,
}

impl Pending {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, one) | (one, Self::None) => one,
            (one, other) if one == other => one,
            _ => Self::Any,
        }
    }
}

/// Published models of the plan that hang together: one is made from the other, both are made from the same model of the
/// plan, or a test looks at both.
///
/// What takes in rows for good never takes them from a version that may yet be refused: it starts once that version is
/// published, which parts the sets above it from those below. What belongs to a named set, and everything where all is
/// published `together`, takes them in the transaction that publishes the version.
pub fn publish_sets(graph: &Graph, plan: &mut Plan, together: bool) -> Vec<PublishSet> {
    let layers = if together {
        vec![Layer::default(); plan.steps.len()]
    } else {
        named_layers(graph, plan)
    };
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
            if !seed && layers[own].level == layers[other].level {
                groups.union(own, other);
            }
        }
        if let Action::AuditInside { owner } = &step.action {
            groups.union(own, index[&**owner]);
        }
    }
    for named in graph.publish_sets().values() {
        let mut first: HashMap<usize, usize> = HashMap::new();
        for own in named.iter().filter_map(|id| index.get(&**id)) {
            groups.union(*own, *first.entry(layers[*own].level).or_insert(*own));
        }
    }
    if together {
        let gated = plan.steps.values().enumerate().filter(|(_, step)| step.is_gated());
        let gated: Vec<usize> = gated.map(|(place, _)| place).collect();
        for pair in gated.windows(2) {
            groups.union(pair[0], pair[1]);
        }
    }
    let mut sets: Vec<(usize, PublishSet)> = Vec::new();
    for (id, step) in &plan.steps {
        if !step.is_gated() || step.node.resource_type != ResourceType::Model {
            continue;
        }
        let group = groups.find(index[&**id]);
        match sets.iter_mut().find(|(g, _)| *g == group) {
            Some((_, set)) => set.members.push(Arc::clone(id)),
            None => sets.push((
                group,
                PublishSet {
                    members: vec![Arc::clone(id)],
                    level: layers[index[&**id]].level,
                    ..PublishSet::default()
                },
            )),
        }
    }
    for (_, set) in &mut sets {
        let named = graph.publish_sets().iter();
        let named = named.filter(|(_, models)| models.iter().any(|id| set.members.contains(id)));
        set.names = named.map(|(name, _)| name.clone()).collect();
        let tests = plan.steps.iter().filter(|(id, step)| {
            step.node.resource_type == ResourceType::Test
                && step.node.depends_on.iter().any(|parent| set.members.contains(parent))
                // One that also looks at what is made later cannot be waited for.
                && layers[index[&***id]].level <= set.level
        });
        set.audits = tests.map(|(id, _)| Arc::clone(id)).collect();
        if together || !set.names.is_empty() {
            gather(plan, set);
        }
    }
    let sets: Vec<PublishSet> = sets.into_iter().map(|(_, set)| set).collect();
    let waits: Vec<(NodeId, Vec<usize>)> = plan
        .steps
        .iter()
        .filter(|(id, step)| is_kept(&step.action) && (together || layers[index[&***id]].level > 0))
        .map(|(id, _)| (Arc::clone(id), published_before(plan, id, &sets)))
        .collect();
    for (id, after) in waits {
        plan.steps[&id].after_sets = after;
    }
    sets
}

/// Whether rows that a step took in stay there in later runs.
pub(super) fn is_kept(action: &Action) -> bool {
    matches!(
        action,
        Action::PublishedDelta { .. }
            | Action::Delta
            | Action::Incremental { .. }
            | Action::Microbatch { .. }
            | Action::Jinja { .. }
    )
}

/// Named sets that this plan cannot publish in one transaction.
#[must_use]
pub fn parted_sets(graph: &Graph, plan: &Plan) -> Diagnostics {
    let mut problems = unfit(plan);
    for (name, models) in graph.publish_sets() {
        let sets = plan.sets.iter().filter(|set| set.names.contains(name));
        let mut members: Vec<(usize, &Step)> = sets
            .flat_map(|set| set.members.iter().map(|id| (set.level, id)))
            .filter(|(_, id)| models.contains(id))
            .filter_map(|(level, id)| Some((level, plan.steps.get(id)?)))
            .collect();
        members.sort_by_key(|(level, _)| *level);
        let Some((level, first)) = members.first().copied() else {
            continue;
        };
        let Some((_, later)) = members.iter().copied().find(|(other, _)| *other > level) else {
            continue;
        };
        let kept = keeps_rows_before(plan, &later.node.id);
        let kept = kept.map_or(&later.node.name, |step| &step.node.name);
        problems.push(
            Diagnostic::error(
                "parted-set",
                format!(
                    "the publish set `{name}` cannot change at once: `{}` would be published before `{}`",
                    first.node.name, later.node.name
                ),
            )
            .at(later.node.declared.clone())
            .because(format!(
                "`{kept}` takes in new rows for good, and takes them from published versions only"
            ))
            .help(format!(
                "make it one set with the other, take `{}` or `{}` out of it, or build with --full-refresh, which makes new versions of all",
                first.node.name, later.node.name
            )),
        );
    }
    problems
}

/// The step that makes a step wait for a publication: itself, or what it stands on.
fn keeps_rows_before<'a>(plan: &'a Plan, id: &NodeId) -> Option<&'a Step> {
    let mut open = vec![id];
    let mut seen: HashSet<&NodeId> = HashSet::new();
    while let Some(next) = open.pop() {
        let Some(step) = plan.steps.get(next).filter(|_| seen.insert(next)) else {
            continue;
        };
        if !step.after_sets.is_empty() {
            return Some(step);
        }
        open.extend(&step.waits_for);
    }
    None
}

/// Layers in which the versions of a named set are published no sooner than its last one, where that can be.
fn named_layers(graph: &Graph, plan: &Plan) -> Vec<Layer> {
    let mut floors: HashMap<usize, usize> = HashMap::new();
    let ties = ties(graph, plan);
    // A set that something parts rises without end; then it stays where it was, which `parted_sets` tells.
    for _ in 0..=graph.publish_sets().len() {
        let layers = layers(plan, &floors, &ties);
        let mut settled = true;
        for models in graph.publish_sets().values() {
            let places = || models.iter().filter_map(|id| plan.steps.get_full(id));
            let Some(last) = places().map(|(place, _, _)| layers[place].level).max() else {
                continue;
            };
            for (place, _, step) in places() {
                if step.is_gated() && layers[place].level < last {
                    floors.insert(place, last);
                    settled = false;
                }
            }
        }
        if settled {
            return layers;
        }
    }
    layers(plan, &HashMap::new(), &ties)
}

/// `floors` holds the least level of some steps, by place, and `ties` the named sets that steps belong to.
fn layers(plan: &Plan, floors: &HashMap<usize, usize>, ties: &HashMap<usize, usize>) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::with_capacity(plan.steps.len());
    for (place, step) in plan.steps.values().enumerate() {
        let above = || {
            let places = step.waits_for.iter().filter_map(|id| plan.steps.get_index_of(id));
            places.filter_map(|place| layers.get(place)).copied()
        };
        let floor = floors.get(&place).copied().unwrap_or(0);
        let level = above().map(|layer| layer.level).max().unwrap_or(0).max(floor);
        let beside = above().filter(|layer| layer.level == level);
        let pending = beside.fold(Pending::None, |all, layer| all.and(layer.pending));
        let tie = ties.get(&place).map_or(Pending::Any, |set| Pending::Tied(*set));
        let apart = pending == Pending::Any || (pending != Pending::None && pending != tie);
        let own = if apart && is_kept(&step.action) {
            Layer {
                level: level + 1,
                pending: Pending::None,
            }
        } else if matches!(step.action, Action::Version { .. }) {
            Layer {
                level,
                pending: pending.and(tie),
            }
        } else {
            Layer { level, pending }
        };
        layers.push(own);
    }
    // The audits of a delta run inside it.
    for place in 0..layers.len() {
        if let Action::AuditInside { owner } = &plan.steps[place].action
            && let Some(owner) = plan.steps.get_index_of(owner)
        {
            layers[place] = layers[owner];
        }
    }
    layers
}

/// The sets with versions that a step stands on.
fn published_before(plan: &Plan, id: &NodeId, sets: &[PublishSet]) -> Vec<usize> {
    let mut above: HashSet<&NodeId> = HashSet::new();
    let mut open = vec![id];
    while let Some(next) = open.pop() {
        for parent in plan.steps.get(next).into_iter().flat_map(|step| &step.waits_for) {
            if above.insert(parent) {
                open.push(parent);
            }
        }
    }
    let version = |id: &NodeId| {
        let step = plan.steps.get(id);
        step.is_some_and(|step| matches!(step.action, Action::Version { .. }))
    };
    (0..sets.len())
        .filter(|set| !sets[*set].inside.contains(id))
        .filter(|set| sets[*set].members.iter().any(|id| above.contains(id) && version(id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use indexmap::{IndexMap, IndexSet};

    use super::*;
    use crate::graph::{Access, test_node};
    use crate::plan::{Current, Facts};
    use crate::sql::Relation;

    /// `a -> b -> c`, with `z` and `y` beside it; `b` takes a delta, all else is made anew.
    fn planned(named: &[(&str, &[&str])], full_refresh: bool) -> (Graph, Plan) {
        let id = |name: &str| NodeId::from(format!("model.shop.{name}"));
        let models = [("a", &[][..]), ("b", &["a"]), ("c", &["b"]), ("z", &[]), ("y", &[])];
        let nodes = models.iter().map(|(name, parents)| {
            let mut node = test_node(name, parents);
            node.access = Access::Public;
            node.config.materialized = match *name {
                "b" => Materialization::Incremental,
                _ => Materialization::Table,
            };
            Arc::new(node)
        });
        let graph = Graph::new("shop", nodes, Vec::new()).expect("no cycle");
        let named: IndexMap<String, Vec<NodeId>> = named
            .iter()
            .map(|(name, models)| ((*name).to_owned(), models.iter().map(|model| id(model)).collect()))
            .collect();
        let graph = graph.with_publish_sets(named);
        let current = Current {
            version_id: 1,
            relation: Relation::new(None, "v", "b__1"),
            definition: "same".into(),
            rows: None,
        };
        let facts = Facts {
            current: Some(HashMap::from([("b".to_owned(), current)])),
            definitions: HashMap::from([(id("b"), "same".to_owned())]),
            full_refresh,
            ..Facts::default()
        };
        let selected: IndexSet<NodeId> = models.iter().map(|(name, _)| id(name)).collect();
        let plan = Plan::new(&graph, &selected, &facts);
        (graph, plan)
    }

    /// Each set as `names: members`, in the order of their names.
    fn sets(plan: &Plan) -> Vec<String> {
        let mut sets: Vec<String> = plan
            .sets
            .iter()
            .map(|set| {
                let members = set.members.iter().map(|id| id.rsplit('.').next().unwrap_or_default());
                let mut members: Vec<&str> = members.collect();
                members.sort_unstable();
                format!("{}: {}", set.names.join("+"), members.join(" "))
            })
            .collect();
        sets.sort();
        sets
    }

    #[test]
    fn a_name_ties_what_nothing_else_ties() {
        let (_, plan) = planned(&[], false);
        assert_eq!(sets(&plan), [": a", ": b c", ": y", ": z"]);
        let (graph, plan) = planned(&[("pair", &["y", "z"])], false);
        assert_eq!(sets(&plan), [": a", ": b c", "pair: y z"]);
        assert!(!parted_sets(&graph, &plan).has_errors());
        // Sets that hang together are one transaction.
        let (_, plan) = planned(&[("one", &["a", "y"]), ("two", &["c", "z"])], true);
        assert_eq!(sets(&plan), ["one+two: a b c y z"]);
    }

    #[test]
    fn what_can_wait_is_published_with_the_last_of_its_set() {
        let (graph, plan) = planned(&[("late", &["c", "z"])], false);
        assert_eq!(sets(&plan), [": a", ": y", "late: b c z"]);
        assert!(!parted_sets(&graph, &plan).has_errors());
    }

    /// What runs in the transaction of the set, by its names, and what before.
    fn together(plan: &Plan, names: &str) -> String {
        let set = plan.sets.iter().find(|set| set.names.join("+") == names);
        let set = set.expect("a set of this name");
        let short = |ids: &[NodeId]| {
            let names = ids.iter().map(|id| id.rsplit('.').next().unwrap_or_default());
            names.collect::<Vec<_>>().join(" ")
        };
        format!("{} after {}", short(&set.inside), short(&set.before))
    }

    #[test]
    fn a_delta_between_two_versions_takes_its_rows_in_their_transaction() {
        for (named, wanted) in [
            (&["a", "c"][..], "b c after a"),
            (&["a", "b"], "b c after a"),
            (&["b", "z"], "b c after z a"),
        ] {
            let (graph, plan) = planned(&[("voice", named)], false);
            assert!(!parted_sets(&graph, &plan).has_errors());
            let told = together(&plan, "voice");
            let sorted = |text: &str| {
                let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                words.sort();
                words
            };
            assert_eq!(sorted(&told), sorted(wanted), "{named:?}: {told}");
            let inside = plan.steps.values().filter(|step| !step.after_sets.is_empty());
            // What stands above and is no member is published before.
            let waits = usize::from(!named.contains(&"a"));
            assert_eq!(inside.count(), waits, "{named:?}");
        }
        let (_, plan) = planned(&[("voice", &["a", "c"])], true);
        assert_eq!(together(&plan, "voice"), " after ", "only versions");
    }
}
