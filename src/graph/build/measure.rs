//! Metrics tied to what they are made from: measures of semantic models, and other metrics.

use std::collections::{HashMap, HashSet};

use serde_json::{Value as Json, json};

use super::check::what;
use super::resolve::{Meant, Nodes};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::graph::entry::relation_name;
use crate::graph::graph::is_refable;
use crate::graph::{Node, NodeId, ResourceType};

impl Nodes<'_> {
    fn of_kind(&self, kind: ResourceType) -> impl Iterator<Item = (usize, &Node)> {
        let all = self.all().iter().enumerate();
        all.filter(move |(_, node)| node.resource_type == kind)
    }

    /// The semantic models and metrics that a node depends on.
    pub(super) fn semantic_parents(&self, node: &Node, problems: &mut Diagnostics) -> Vec<NodeId> {
        let mut parents = Vec::new();
        for named in &node.semantics.metrics {
            let (package, name) = match &named[..] {
                [name] => (None, name),
                [package, name] => (Some(package.as_str()), name),
                _ => continue,
            };
            parents.extend(self.metric(node, package, name, problems));
        }
        if node.resource_type != ResourceType::Metric {
            return parents;
        }
        for measure in node.semantics.measures() {
            let name = measure["name"].as_str().unwrap_or_default();
            parents.extend(self.measure(node, name, problems));
        }
        for name in node.semantics.input_metrics() {
            parents.extend(self.metric(node, None, name, problems));
        }
        if let Some(name) = node.semantics.semantic_model() {
            let models = self.of_kind(ResourceType::SemanticModel);
            let found = models.map(|(_, model)| model);
            let mut found = found.filter(|model| model.name == name && model.package == node.package);
            parents.extend(found.next().map(|model| model.id.clone()));
        }
        parents
    }

    fn metric(&self, node: &Node, package: Option<&str>, name: &str, problems: &mut Diagnostics) -> Option<NodeId> {
        let mut found: Vec<usize> = self
            .of_kind(ResourceType::Metric)
            .filter(|(_, metric)| metric.name == name)
            .map(|(index, _)| index)
            .collect();
        found.sort_by_key(|index| !self.all()[*index].config.enabled);
        match self.chosen(node, package, Some(&found).filter(|found| !found.is_empty())) {
            Meant::Node(index) => Some(self.all()[index].id.clone()),
            Meant::Disabled(index) => {
                problems.push(
                    Diagnostic::error(
                        "disabled-ref",
                        format!("{} refers to metric `{name}`, which is disabled", what(node)),
                    )
                    .at(node.declared.clone())
                    .because(format!("{} has `enabled: false`", self.all()[index].original_path))
                    .help("enable it, or disable what reads it too"),
                );
                None
            }
            Meant::Missing => {
                let problem = Diagnostic::error(
                    "missing-metric",
                    format!("{} refers to metric `{name}`, which does not exist", what(node)),
                )
                .at(node.declared.clone());
                let known = self
                    .of_kind(ResourceType::Metric)
                    .map(|(_, metric)| metric.name.as_str());
                problems.push(match nearest(name, known) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("add the metric, or mend the name"),
                });
                None
            }
        }
    }

    fn measure(&self, node: &Node, name: &str, problems: &mut Diagnostics) -> Option<NodeId> {
        let mut found: Vec<usize> = self
            .of_kind(ResourceType::SemanticModel)
            .filter(|(_, model)| model.semantics.has_measure(name))
            .map(|(index, _)| index)
            .collect();
        found.sort_by_key(|index| !self.all()[*index].config.enabled);
        match self.chosen(node, None, Some(&found).filter(|found| !found.is_empty())) {
            Meant::Node(index) => Some(self.all()[index].id.clone()),
            Meant::Disabled(index) => {
                let model = &self.all()[index].name;
                problems.push(
                    Diagnostic::error(
                        "disabled-ref",
                        format!(
                            "{} uses measure `{name}` of semantic model `{model}`, which is disabled",
                            what(node)
                        ),
                    )
                    .at(node.declared.clone())
                    .help("enable it, or disable what reads it too"),
                );
                None
            }
            Meant::Missing => {
                let models: Vec<&Node> = self
                    .of_kind(ResourceType::SemanticModel)
                    .map(|(_, model)| model)
                    .collect();
                let known = models
                    .iter()
                    .flat_map(|model| model.semantics.elements("measures"))
                    .filter_map(|measure| measure["name"].as_str());
                let problem = Diagnostic::error(
                    "missing-measure",
                    format!("{} uses measure `{name}`, which no semantic model has", what(node)),
                )
                .at(node.declared.clone());
                problems.push(match nearest(name, known) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("add it to the `measures` of a semantic model"),
                });
                None
            }
        }
    }
}

/// Writes what is known once names are tied: where semantic models read, and the measures below each metric.
pub(super) fn tie(nodes: &mut [Node]) {
    read_from(nodes);
    let metrics: HashMap<NodeId, &Node> = nodes
        .iter()
        .filter(|node| node.resource_type == ResourceType::Metric)
        .map(|node| (node.id.clone(), node))
        .collect();
    let inputs: Vec<Vec<Json>> = nodes
        .iter()
        .map(|node| measures_below(node, &metrics, &mut HashSet::new()))
        .collect();
    for (node, inputs) in nodes.iter_mut().zip(inputs) {
        if node.resource_type == ResourceType::Metric
            && let Some(Json::Object(params)) = node.semantics.fields.get_mut("type_params")
        {
            params.insert("input_measures".to_owned(), inputs.into());
        }
    }
}

/// Writes where semantic models read: the relations of their models, as they are now.
pub(super) fn read_from(nodes: &mut [Node]) {
    let relations: HashMap<NodeId, Json> = nodes
        .iter()
        .filter(|node| is_refable(node.resource_type))
        .map(|node| {
            let relation = json!({
                "alias": node.alias,
                "schema_name": node.relation.schema,
                "database": node.relation.database,
                "relation_name": relation_name(node),
            });
            (node.id.clone(), relation)
        })
        .collect();
    for node in nodes
        .iter_mut()
        .filter(|node| node.resource_type == ResourceType::SemanticModel)
    {
        let relation = node.depends_on.first().and_then(|id| relations.get(id)).cloned();
        let fields = &mut node.semantics.fields;
        fields.insert("node_relation".to_owned(), relation.unwrap_or_default());
    }
}

fn measures_below(node: &Node, metrics: &HashMap<NodeId, &Node>, seen: &mut HashSet<NodeId>) -> Vec<Json> {
    if node.resource_type != ResourceType::Metric || !seen.insert(node.id.clone()) {
        return Vec::new();
    }
    let mut measures: Vec<Json> = node.semantics.measures().into_iter().cloned().collect();
    if matches!(node.semantics.kind(), "ratio" | "derived") {
        let names = node.semantics.input_metrics();
        let parents = node.depends_on.iter().filter_map(|id| metrics.get(id));
        let mut parents: Vec<&&Node> = parents.collect();
        parents.sort_by_key(|parent| names.iter().position(|name| *name == parent.name));
        for parent in parents {
            measures.extend(measures_below(parent, metrics, seen));
        }
        seen.remove(&node.id);
    } else {
        seen.remove(&node.id);
    }
    let mut distinct: Vec<Json> = Vec::new();
    for measure in measures {
        if !distinct.contains(&measure) {
            distinct.push(measure);
        }
    }
    distinct
}
