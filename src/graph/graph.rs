//! Nodes and the edges between them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Node, NodeId, ResourceType};

/// Why nodes do not make a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadGraph {
    /// Two nodes with one id.
    Duplicate(NodeId),
    /// A node depends on one that is not there: the node, its missing parent.
    Missing(NodeId, NodeId),
    /// Nodes that depend on themselves, each on the next one and the last on the first.
    Cycle(Vec<NodeId>),
}

impl fmt::Display for BadGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(id) => write!(f, "two nodes are called `{id}`"),
            Self::Missing(id, parent) => write!(f, "`{id}` depends on `{parent}`, which does not exist"),
            Self::Cycle(path) => {
                f.write_str("these nodes depend on themselves: ")?;
                for id in path {
                    write!(f, "{id} -> ")?;
                }
                f.write_str(path.first().map_or("", |id| id))
            }
        }
    }
}

impl std::error::Error for BadGraph {}

/// Every enabled node of a project, with what each reads. Immutable once made, and free of cycles.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    root_package: String,
    nodes: IndexMap<NodeId, Arc<Node>>,
    disabled: Vec<Arc<Node>>,
    /// From parent to child; a node's index is its position in `nodes`.
    edges: DiGraph<(), ()>,
    order: Vec<NodeId>,
    /// Models of named publish sets.
    publish_sets: IndexMap<String, Vec<NodeId>>,
    /// What `ref` finds: nodes by name, in the order in which they were declared.
    refable: HashMap<String, Vec<NodeId>>,
}

impl Graph {
    /// Edges come from `depends_on`; an id there that is not among the nodes fails.
    pub fn new(
        root_package: impl Into<String>,
        nodes: impl IntoIterator<Item = Arc<Node>>,
        disabled: Vec<Arc<Node>>,
    ) -> Result<Self, BadGraph> {
        let mut graph = Self {
            root_package: root_package.into(),
            disabled,
            ..Self::default()
        };
        for node in nodes {
            graph.edges.add_node(());
            if is_refable(node.resource_type) {
                for name in node.ref_names() {
                    graph.refable.entry(name).or_default().push(Arc::clone(&node.id));
                }
            }
            if let Some(old) = graph.nodes.insert(Arc::clone(&node.id), node) {
                return Err(BadGraph::Duplicate(Arc::clone(&old.id)));
            }
        }
        for (child, node) in graph.nodes.values().enumerate() {
            for parent in &node.depends_on {
                let Some(parent) = graph.nodes.get_index_of(parent) else {
                    return Err(BadGraph::Missing(Arc::clone(&node.id), Arc::clone(parent)));
                };
                graph
                    .edges
                    .update_edge(NodeIndex::new(parent), NodeIndex::new(child), ());
            }
        }
        graph.order = graph.sorted()?;
        Ok(graph)
    }

    /// The same, with what is published together by name.
    #[must_use]
    pub fn with_publish_sets(self, publish_sets: IndexMap<String, Vec<NodeId>>) -> Self {
        Self { publish_sets, ..self }
    }

    /// Published models that somebody asked to be published together, by the name of the set.
    pub fn publish_sets(&self) -> &IndexMap<String, Vec<NodeId>> {
        &self.publish_sets
    }

    /// The project that is being built, as opposed to the packages that it uses.
    pub fn root_package(&self) -> &str {
        &self.root_package
    }

    /// An enabled node by its whole id.
    pub fn node(&self, id: &str) -> Option<&Arc<Node>> {
        self.nodes.get(id)
    }

    /// Every enabled node, sources and exposures among them, in the order of declaration.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Arc<Node>> {
        self.nodes.values()
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What was declared with `enabled: false`.
    pub fn disabled(&self) -> &[Arc<Node>] {
        &self.disabled
    }

    /// What a node reads, in the order in which it mentions them. Empty where the id is unknown.
    pub fn parents(&self, id: &str) -> Vec<&Arc<Node>> {
        self.node(id)
            .into_iter()
            .flat_map(|node| &node.depends_on)
            .filter_map(|parent| self.node(parent))
            .collect()
    }

    /// What reads a node, in the order of declaration.
    pub fn children(&self, id: &str) -> Vec<&Arc<Node>> {
        let mut found = self.step(id, Direction::Outgoing);
        found.sort_unstable();
        found.into_iter().map(|index| &self.nodes[index]).collect()
    }

    /// What a node reads, directly or through others, itself left out: at most `depth` edges away, or all of it.
    pub fn ancestors(&self, id: &str, depth: Option<usize>) -> Vec<&Arc<Node>> {
        self.reach(id, depth, Direction::Incoming)
    }

    /// What reads a node, directly or through others, itself left out: at most `depth` edges away, or all of it.
    pub fn descendants(&self, id: &str, depth: Option<usize>) -> Vec<&Arc<Node>> {
        self.reach(id, depth, Direction::Outgoing)
    }

    /// Every node after all of its parents; among equals, in the order of declaration.
    pub fn topological(&self) -> impl ExactSizeIterator<Item = &Arc<Node>> {
        self.order.iter().map(|id| &self.nodes[id])
    }

    /// What `ref(name)` or `ref(package, name)` means in `from_package`; a version is `name.v2`. A name without a package is looked for in
    /// the package that says it, then in the root project, then anywhere, as dbt does.
    pub fn by_ref(&self, package: Option<&str>, name: &str, from_package: &str) -> Option<&Arc<Node>> {
        let found = self.refable.get(name)?;
        let within = |package: &str| {
            found
                .iter()
                .map(|id| &self.nodes[id])
                .find(|node| node.package == package)
        };
        match package {
            Some(package) => within(package),
            None => within(from_package)
                .or_else(|| within(&self.root_package))
                .or_else(|| found.first().map(|id| &self.nodes[id])),
        }
    }

    /// What `function(name)` or `function(package, name)` means in `from_package`, found as [`Graph::by_ref`] finds a node.
    pub fn function(&self, package: Option<&str>, name: &str, from_package: &str) -> Option<&Arc<Node>> {
        self.named(ResourceType::Function, package, name, from_package)
    }

    /// The same for `metric`.
    pub fn metric(&self, package: Option<&str>, name: &str, from_package: &str) -> Option<&Arc<Node>> {
        self.named(ResourceType::Metric, package, name, from_package)
    }

    fn named(&self, kind: ResourceType, package: Option<&str>, name: &str, from_package: &str) -> Option<&Arc<Node>> {
        let named = |node: &&Arc<Node>| node.resource_type == kind && node.name == name;
        let within = |package: &str| self.nodes().filter(named).find(|node| node.package == package);
        match package {
            Some(package) => within(package),
            None => within(from_package)
                .or_else(|| within(&self.root_package))
                .or_else(|| self.nodes().find(named)),
        }
    }

    fn step(&self, id: &str, direction: Direction) -> Vec<usize> {
        self.nodes.get_index_of(id).map_or_else(Vec::new, |index| {
            self.edges
                .neighbors_directed(NodeIndex::new(index), direction)
                .map(NodeIndex::index)
                .collect()
        })
    }

    fn reach(&self, id: &str, depth: Option<usize>, direction: Direction) -> Vec<&Arc<Node>> {
        let Some(start) = self.nodes.get_index_of(id) else {
            return Vec::new();
        };
        let mut seen = HashSet::from([start]);
        let mut frontier = VecDeque::from([(start, 0)]);
        while let Some((index, distance)) = frontier.pop_front() {
            if depth.is_some_and(|depth| distance >= depth) {
                continue;
            }
            for next in self.edges.neighbors_directed(NodeIndex::new(index), direction) {
                if seen.insert(next.index()) {
                    frontier.push_back((next.index(), distance + 1));
                }
            }
        }
        seen.remove(&start);
        let mut found: Vec<usize> = seen.into_iter().collect();
        found.sort_unstable();
        found.into_iter().map(|index| &self.nodes[index]).collect()
    }

    fn sorted(&self) -> Result<Vec<NodeId>, BadGraph> {
        let mut missing: Vec<usize> = self
            .edges
            .node_indices()
            .map(|index| self.edges.neighbors_directed(index, Direction::Incoming).count())
            .collect();
        let mut ready: std::collections::BTreeSet<usize> = (0..missing.len()).filter(|i| missing[*i] == 0).collect();
        let mut order = Vec::with_capacity(missing.len());
        while let Some(index) = ready.pop_first() {
            order.push(Arc::clone(&self.nodes[index].id));
            for child in self
                .edges
                .neighbors_directed(NodeIndex::new(index), Direction::Outgoing)
            {
                missing[child.index()] -= 1;
                if missing[child.index()] == 0 {
                    ready.insert(child.index());
                }
            }
        }
        if order.len() == missing.len() {
            return Ok(order);
        }
        Err(BadGraph::Cycle(self.cycle(&missing)))
    }

    /// A cycle among the nodes that still miss a parent, each node followed by one that it depends on.
    fn cycle(&self, missing: &[usize]) -> Vec<NodeId> {
        let stuck_parent = |index: usize| {
            self.nodes[index]
                .depends_on
                .iter()
                .filter_map(|parent| self.nodes.get_index_of(parent))
                .find(|parent| missing[*parent] > 0)
        };
        let mut path: Vec<usize> = Vec::new();
        let mut at = missing.iter().position(|count| *count > 0);
        while let Some(index) = at {
            if let Some(start) = path.iter().position(|seen| *seen == index) {
                return path[start..].iter().map(|i| Arc::clone(&self.nodes[*i].id)).collect();
            }
            path.push(index);
            at = stuck_parent(index);
        }
        Vec::new()
    }
}

/// Whether `ref` can name it.
pub(super) fn is_refable(resource_type: ResourceType) -> bool {
    matches!(
        resource_type,
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::test_node;

    fn graph(edges: &[(&str, &[&str])]) -> Result<Graph, BadGraph> {
        Graph::new(
            "shop",
            edges.iter().map(|(name, parents)| Arc::new(test_node(name, parents))),
            Vec::new(),
        )
    }

    fn names(nodes: Vec<&Arc<Node>>) -> Vec<&str> {
        nodes.into_iter().map(|node| node.name.as_str()).collect()
    }

    #[test]
    fn walks_both_ways() {
        let graph = graph(&[("d", &["b", "c"]), ("b", &["a"]), ("c", &["a"]), ("a", &[])]).unwrap();
        assert_eq!(names(graph.parents("model.shop.d")), ["b", "c"]);
        assert_eq!(names(graph.children("model.shop.a")), ["b", "c"]);
        assert_eq!(names(graph.ancestors("model.shop.d", None)), ["b", "c", "a"]);
        assert_eq!(names(graph.ancestors("model.shop.d", Some(1))), ["b", "c"]);
        assert_eq!(names(graph.descendants("model.shop.a", Some(0))), [""; 0]);
        assert_eq!(names(graph.topological().collect()), ["a", "b", "c", "d"]);
    }

    #[test]
    fn names_the_whole_cycle() {
        let bad = graph(&[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"])]).unwrap_err();
        assert_eq!(
            bad.to_string(),
            "these nodes depend on themselves: model.shop.a -> model.shop.b -> model.shop.c -> model.shop.a"
        );
    }

    #[test]
    fn a_name_means_ones_own_package_first() {
        let mut other = test_node("a", &[]);
        other.package = "other".to_owned();
        other.id = Arc::from("model.other.a");
        let graph = Graph::new("shop", [Arc::new(other), Arc::new(test_node("a", &[]))], Vec::new()).unwrap();
        let id = |package, from| graph.by_ref(package, "a", from).map(|node| node.id.to_string());
        assert_eq!(id(None, "other").as_deref(), Some("model.other.a"));
        assert_eq!(id(None, "third").as_deref(), Some("model.shop.a"));
        assert_eq!(id(Some("other"), "shop").as_deref(), Some("model.other.a"));
        assert_eq!(id(Some("third"), "shop"), None);
    }
}
