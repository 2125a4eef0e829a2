//! References to what another run built, where this one did not.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use crate::graph::{Node, NodeId};
use crate::sql::Relation;

use super::context::RunContext;

/// `--defer`: a node that is not built here is read where another run built it
/// (<https://docs.getdbt.com/reference/node-selection/defer>).
#[derive(Debug, Default)]
pub struct Deferral {
    /// Where the other run has each node.
    pub relations: HashMap<NodeId, Relation>,
    /// What has a relation here: those that stood when the run began, and those that it made.
    pub here: RwLock<HashSet<NodeId>>,
    /// The nodes of this run.
    pub selected: HashSet<NodeId>,
    /// What is not selected is read there even where it is here.
    pub favor_state: bool,
}

impl Deferral {
    /// Where to read a node instead of its own place; nothing where its own place is right.
    #[must_use]
    pub fn relation(&self, id: &NodeId) -> Option<&Relation> {
        let there = self.relations.get(id)?;
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        let favored = self.favor_state && !self.selected.contains(id);
        (favored || !here.contains(id)).then_some(there)
    }

    fn built(&self, id: &NodeId) {
        let mut here = self.here.write().unwrap_or_else(PoisonError::into_inner);
        here.insert(Arc::clone(id));
    }
}

impl RunContext {
    /// From now on, references follow it. A second call changes nothing.
    pub fn defer(&self, deferral: Deferral) {
        let _ = self.deferral.set(deferral);
    }

    /// Where to read a node that is not built here.
    #[must_use]
    pub fn deferred(&self, node: &Node) -> Option<&Relation> {
        self.deferral.get()?.relation(&node.id)
    }

    /// The node with foreign keys that point at what its query reads: the other run's table, where a parent is not here.
    pub(super) fn with_deferred_keys(&self, node: &Arc<Node>) -> Arc<Node> {
        let parents = self.graph.parents(&node.id);
        let moved: Vec<(String, String)> = parents
            .iter()
            .filter_map(|parent| Some((parent.relation.to_string(), self.deferred(parent)?.to_string())))
            .collect();
        if moved.is_empty() {
            return Arc::clone(node);
        }
        let mut node = Node::clone(node);
        let of_columns = node.columns.values_mut().flat_map(|column| &mut column.constraints);
        for constraint in node.constraints.iter_mut().chain(of_columns) {
            let there = moved.iter().find(|(here, _)| constraint.referenced() == Some(here));
            if let Some((_, there)) = there {
                constraint.relation = Some(there.clone());
            }
        }
        Arc::new(node)
    }

    /// A node that this run has made is read here from now on.
    pub(super) fn note_built(&self, id: &NodeId) {
        if let Some(deferral) = self.deferral.get() {
            deferral.built(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_read_there() {
        let id = |name: &str| -> NodeId { Arc::from(format!("model.shop.{name}")) };
        let relation = |name: &str| Relation::new(None, "prod", name);
        let names = ["missing", "standing", "selected"];
        let mut deferral = Deferral {
            relations: names.iter().map(|name| (id(name), relation(name))).collect(),
            here: RwLock::new(HashSet::from([id("standing"), id("selected")])),
            selected: HashSet::from([id("selected")]),
            favor_state: false,
        };
        let read = |deferral: &Deferral| names.map(|name| deferral.relation(&id(name)).is_some());
        assert_eq!(read(&deferral), [true, false, false]);
        deferral.favor_state = true;
        assert_eq!(read(&deferral), [true, true, false]);
        deferral.favor_state = false;
        deferral.built(&id("missing"));
        assert_eq!(read(&deferral), [false, false, false]);
        assert_eq!(deferral.relation(&id("unknown")), None);
    }
}
