//! What must hold of the semantic layer as a whole, as the program that will read it demands.
//!
//! Nothing is asked of projects that have semantic models without metrics, or metrics without semantic models.

mod alias;
mod condition;
mod conversion;
mod dimension;
mod entity;
mod item;
mod label;
mod measure;
mod metric;
mod name;
mod query;
mod spine;
mod window;

use serde_json::Value as Json;

use super::check::what;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::graph::{Node, ResourceType};
use crate::project::{GRANULARITIES, Project};

/// The enabled nodes of the semantic layer.
struct Layer<'a> {
    models: Vec<&'a Node>,
    metrics: Vec<&'a Node>,
    queries: Vec<&'a Node>,
    /// Models that are time spines.
    spines: Vec<&'a Node>,
    /// Whether `window` and `grain_to_date` must stand below `cumulative_type_params`.
    nested_parameters: bool,
}

pub(super) fn check(project: &Project, nodes: &[Node], problems: &mut Diagnostics) {
    let of_kind = |kind| nodes.iter().filter(move |node| node.resource_type == kind);
    let layer = Layer {
        models: of_kind(ResourceType::SemanticModel).collect(),
        metrics: of_kind(ResourceType::Metric).collect(),
        queries: of_kind(ResourceType::SavedQuery).collect(),
        spines: of_kind(ResourceType::Model)
            .filter(|node| node.semantics.time_spine.is_some())
            .collect(),
        nested_parameters: project
            .own()
            .settings
            .flags
            .get("require_nested_cumulative_type_params")
            != Some(&Json::Bool(false)),
    };
    if layer.models.is_empty() || layer.metrics.is_empty() {
        return;
    }
    for check in [
        name::check,
        label::check,
        entity::check,
        dimension::check,
        measure::check,
        alias::check,
        metric::check,
        conversion::check,
        query::check,
        condition::check,
        spine::check,
    ] {
        check(&layer, problems);
    }
}

impl<'a> Layer<'a> {
    fn metric(&self, name: &str) -> Option<&'a Node> {
        self.metrics.iter().find(|metric| metric.name == name).copied()
    }

    /// The semantic model with a measure, and the measure.
    fn measure(&self, name: &str) -> Option<(&'a Node, &'a Json)> {
        self.models.iter().find_map(|model| {
            let mut measures = model.semantics.elements("measures");
            Some((*model, measures.find(|measure| measure["name"] == name)?))
        })
    }

    /// Periods that the project's time spines add.
    fn custom_granularities(&self) -> Vec<&'a str> {
        let spines = self.spines.iter().filter_map(|node| node.semantics.time_spine.as_ref());
        spines
            .flat_map(|spine| items(&spine["custom_granularities"]))
            .filter_map(|custom| custom["name"].as_str())
            .collect()
    }
}

fn items(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}

/// The name of a part of a semantic model.
fn name_of(element: &Json) -> &str {
    element["name"].as_str().unwrap_or_default()
}

fn is_standard(granularity: &str) -> bool {
    GRANULARITIES.contains(&granularity)
}

/// Whether a semantic model has a dimension of time of that name.
fn has_time_dimension(model: &Node, name: &str) -> bool {
    let mut dimensions = model.semantics.elements("dimensions");
    dimensions.any(|dimension| dimension["name"] == name && dimension["type"] == "time")
}

/// Something of a node that is wrong.
fn wrong(node: &Node, part: &str, message: impl AsRef<str>) -> Diagnostic {
    let message = format!("{}: {}", what(node), message.as_ref());
    let problem = match node.resource_type {
        ResourceType::SemanticModel => Diagnostic::error("bad-semantic-model", message),
        ResourceType::SavedQuery => Diagnostic::error("bad-saved-query", message),
        ResourceType::Metric => Diagnostic::error("bad-metric", message),
        _ => Diagnostic::error("bad-time-spine", message),
    };
    problem.at(place(node, part))
}

/// The same, where it is only doubtful.
fn doubtful(node: &Node, part: &str, message: impl AsRef<str>) -> Diagnostic {
    Diagnostic {
        level: crate::diagnostic::Level::Warning,
        ..wrong(node, part, message)
    }
}

fn place(node: &Node, part: &str) -> Place {
    node.semantics
        .place(part)
        .cloned()
        .unwrap_or_else(|| node.declared.clone())
}
