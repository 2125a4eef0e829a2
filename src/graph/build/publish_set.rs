//! Publish sets that have a name: `gate.sets` of the project, and `publish_set` of a model.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::super::select::{IndirectSelection, Selection, Selectors};
use super::super::{Graph, Node, NodeId, ResourceType};
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Place, nearest};
use crate::project::{Project, Setting};

/// Which models each named set has, in the order in which the project names the sets.
pub(super) fn publish_sets(
    project: &Project,
    graph: &Graph,
    problems: &mut Diagnostics,
) -> IndexMap<String, Vec<NodeId>> {
    let mut members = Members::default();
    let Some(gate) = project.gate() else {
        let named = graph.nodes().filter_map(|node| node.config.publish_set.as_ref());
        let level = project.own().settings.flavour.lenient();
        problems.0.extend(named.take(1).map(|setting| no_gate(setting, level)));
        return members.sets;
    };
    // What is wrong with them is told where they are read.
    let selectors = Selectors::read(&project.selectors).unwrap_or_default();
    for set in &gate.sets {
        for (text, place) in &set.models {
            match asked(graph, &selectors, text) {
                Ok(found) if found.is_empty() => problems.push(unknown(graph, &set.name, text, place)),
                Ok(found) => members.add(&set.name, &found, is_name(text), place, problems),
                Err(problem) => problems.push(problem.at(place.clone())),
            }
        }
    }
    let own_file = &project.own().settings.file.path;
    for node in graph.nodes().filter(|node| node.resource_type == ResourceType::Model) {
        if let Some(setting) = &node.config.publish_set
            && let Some(name) = setting.value.as_str()
        {
            // A folder's setting is meant for what is published there.
            let of_folder = setting.place.file.path == *own_file;
            if node.is_published() || !of_folder {
                members.add(name, std::slice::from_ref(node), true, &setting.place, problems);
            }
        }
    }
    members.sets
}

#[derive(Default)]
struct Members {
    sets: IndexMap<String, Vec<NodeId>>,
    of: HashMap<NodeId, String>,
}

impl Members {
    /// Takes in models; where they were meant one by one, each has to be published.
    fn add(&mut self, name: &str, models: &[Arc<Node>], each: bool, place: &Place, problems: &mut Diagnostics) {
        if !each
            && let Some(first) = models.first()
            && !models.iter().any(|node| node.is_published())
        {
            problems.push(private(name, first, place));
        }
        for node in models {
            if !node.is_published() {
                if each {
                    problems.push(private(name, node, place));
                }
                continue;
            }
            match self.of.get(&node.id) {
                Some(other) if other == name => {}
                Some(other) => problems.push(
                    Diagnostic::error(
                        "two-publish-sets",
                        format!("model `{}` is in the publish sets `{other}` and `{name}`", node.name),
                    )
                    .at(place.clone())
                    .because("what readers see of a model changes with one set")
                    .help("name it in one of them, or make the two sets one"),
                ),
                None => {
                    self.of.insert(Arc::clone(&node.id), name.to_owned());
                    self.sets.entry(name.to_owned()).or_default().push(Arc::clone(&node.id));
                }
            }
        }
    }
}

/// Whether a model is meant, not a selector.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn asked(graph: &Graph, selectors: &Selectors, text: &str) -> Result<Vec<Arc<Node>>, Diagnostic> {
    if is_name(text) {
        let named = graph.nodes().filter(|node| node.name == text);
        let models = named.filter(|node| node.resource_type == ResourceType::Model);
        return Ok(models.cloned().collect());
    }
    let selection = Selection::parse(&[text.to_owned()], &[])?;
    let found = selection.resolve(graph, selectors, &[ResourceType::Model], IndirectSelection::Empty)?;
    Ok(found.nodes.iter().filter_map(|id| graph.node(id)).cloned().collect())
}

fn unknown(graph: &Graph, set: &str, text: &str, place: &Place) -> Diagnostic {
    let models = graph.nodes().filter(|node| node.is_published());
    let help = nearest(text, models.map(|node| node.name.as_str())).map_or_else(
        || "name published models, or selectors such as `path:models/voice` or `tag:voice`".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Diagnostic::error(
        "unknown-model",
        format!("the publish set `{set}` names `{text}`, and there is no such model"),
    )
    .at(place.clone())
    .help(help)
}

fn private(set: &str, node: &Node, place: &Place) -> Diagnostic {
    Diagnostic::error(
        "private-in-set",
        format!(
            "model `{}` is in the publish set `{set}`, and is not published",
            node.name
        ),
    )
    .at(place.clone())
    .help("give it `access: public`, or take it out of the set")
}

fn no_gate(setting: &Setting, level: Level) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("no-gate", "`publish_set` is said, and the project has no gate")
        .at(setting.place.clone())
        .help("add `gate: {schema: ..., readers: [...]}` to project.yml; docs/gate.md explains it");
    diagnostic.level = level;
    diagnostic
}
