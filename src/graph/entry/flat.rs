//! `graph` in templates.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;

use super::checksum::seed_checksum;
use super::group::GroupEntry;
use super::model::model_entry;
use super::node::{Surroundings, node_entry};
use super::primary_key::primary_keys;
use crate::graph::{Graph, Node, ResourceType};
use crate::jinja::{COLLECTIONS, GraphEntries};

/// The whole project for templates; each entry is made when a template first looks at it.
pub struct FlatGraph {
    pub graph: Arc<Graph>,
    pub groups: Vec<GroupEntry>,
    /// The root project's folder.
    pub root: PathBuf,
    /// Relative to the root, such as `target`.
    pub target_path: String,
    /// Seconds since the epoch.
    pub created_at: f64,
    pub keys: OnceLock<HashMap<String, Vec<String>>>,
}

impl FlatGraph {
    fn primary_key(&self, id: &str) -> &[String] {
        let keys = self.keys.get_or_init(|| {
            let nodes: Vec<&Node> = self.graph.nodes().map(|node| &**node).collect();
            let keys = primary_keys(&nodes).into_iter();
            keys.map(|(id, columns)| (id.to_owned(), columns)).collect()
        });
        keys.get(id).map_or(&[], Vec::as_slice)
    }

    fn with<T>(&self, node: &Node, entry: impl FnOnce(Surroundings<'_>) -> T) -> T {
        let seed = (node.resource_type == ResourceType::Seed).then(|| seed_checksum(node, &self.root));
        entry(Surroundings {
            root: &self.root.to_string_lossy(),
            target_path: &self.target_path,
            created_at: self.created_at,
            seed_checksum: seed.as_ref(),
            compiled: None,
            running: false,
            primary_key: self.primary_key(&node.id),
        })
    }

    /// The entry of a node in `graph`.
    #[must_use]
    pub fn node(&self, node: &Node) -> Json {
        self.with(node, |around| {
            let mut entry = node_entry(node, around);
            if let Some(path) = entry.get_mut("build_path") {
                // Not known before it is written.
                *path = Json::Null;
            }
            Json::Object(entry)
        })
    }

    /// `model`, while the node runs.
    #[must_use]
    pub fn model(&self, node: &Node) -> Json {
        self.with(node, |around| {
            let around = Surroundings {
                running: true,
                ..around
            };
            model_entry(node, around)
        })
    }
}

/// The part of `graph` that a node is in.
fn collection(node: &Node) -> &'static str {
    match node.resource_type {
        ResourceType::Source => "sources",
        ResourceType::Exposure => "exposures",
        ResourceType::Metric => "metrics",
        ResourceType::SemanticModel => "semantic_models",
        ResourceType::SavedQuery => "saved_queries",
        ResourceType::Function => "functions",
        _ => "nodes",
    }
}

impl GraphEntries for FlatGraph {
    fn collections(&self) -> Vec<(&'static str, Vec<String>)> {
        let ids = |name: &'static str| match name {
            "groups" => self.groups.iter().map(GroupEntry::id).collect(),
            _ => self
                .graph
                .nodes()
                .filter(|node| collection(node) == name)
                .map(|node| node.id.to_string())
                .collect(),
        };
        COLLECTIONS.into_iter().map(|name| (name, ids(name))).collect()
    }

    fn entry(&self, collection: &str, id: &str) -> Json {
        if collection == "groups" {
            let group = self.groups.iter().find(|group| group.id() == id);
            return group.map(GroupEntry::entry).unwrap_or_default();
        }
        self.graph.node(id).map(|node| self.node(node)).unwrap_or_default()
    }
}
