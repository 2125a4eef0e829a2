//! A selector that found nothing, and what may have been meant.

use crate::diagnostic::{Diagnostic, Level, nearest};
use crate::graph::{Node, ResourceType};

use super::criterion::{Criterion, Method};
use super::selection::Intersection;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// As typed.
    pub selector: String,
    /// Typed after `--exclude`.
    pub excluded: bool,
    /// The nearest thing that exists.
    pub nearest: Option<String>,
}

impl Unmatched {
    pub(super) fn new<'a>(typed: &Intersection, excluded: bool, nodes: impl Iterator<Item = &'a Node> + Clone) -> Self {
        let nearest = match &typed.criteria[..] {
            [only] => suggestion(only, nodes),
            _ => None,
        };
        Self {
            selector: typed.raw.clone(),
            excluded,
            nearest,
        }
    }

    /// What to tell the user; whether it stops the command is the caller's to say.
    pub fn diagnostic(&self, level: Level) -> Diagnostic {
        let option = if self.excluded { "--exclude" } else { "--select" };
        let message = if self.selector.trim().is_empty() {
            format!("`{option}` was given nothing to look for")
        } else {
            format!("`{option} {}` matches nothing in this project", self.selector)
        };
        let help = match &self.nearest {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`assay ls` lists what can be selected".to_owned(),
        };
        match level {
            Level::Error => Diagnostic::error("nothing-selected", message),
            Level::Warning => Diagnostic::warning("nothing-selected", message),
        }
        .help(help)
    }
}

/// The same kind of thing, by the nearest name.
fn suggestion<'a>(criterion: &Criterion, nodes: impl Iterator<Item = &'a Node> + Clone) -> Option<String> {
    let value = criterion.value.as_str();
    let found = |names: Vec<&'a str>, prefix: &str| nearest(value, names).map(|near| format!("{prefix}{near}"));
    let of_kind = |kind| nodes.clone().filter(move |node| node.resource_type == kind);
    match criterion.method {
        Method::Fqn => {
            // Names of tests are long and many, so they only count where nothing else comes near.
            let (tests, others): (Vec<_>, Vec<_>) = nodes
                .filter(|node| node.resource_type != ResourceType::Source)
                .partition(|node| node.resource_type == ResourceType::Test);
            let names = |nodes: Vec<&'a Node>| nodes.into_iter().map(|node| node.name.as_str()).collect();
            let folders = others
                .iter()
                .flat_map(|node| node.fqn.iter().map(String::as_str))
                .collect();
            found(names(others.clone()), "")
                .or_else(|| found(folders, ""))
                .or_else(|| found(names(tests), ""))
        }
        Method::Tag => found(
            nodes
                .flat_map(|node| node.config.tags.iter().map(String::as_str))
                .collect(),
            "tag:",
        ),
        Method::Source => {
            let (value, prefix) = (value.to_owned(), "source:");
            let names: Vec<String> = of_kind(ResourceType::Source)
                .filter_map(|node| Some((node.source_spec.as_ref()?.source_name.clone(), node.name.clone())))
                .flat_map(|(source, table)| [format!("{source}.{table}"), source])
                .collect();
            nearest(&value, names.iter().map(String::as_str)).map(|near| format!("{prefix}{near}"))
        }
        Method::UnitTest => found(
            of_kind(ResourceType::UnitTest).map(|node| node.name.as_str()).collect(),
            "unit_test:",
        ),
        Method::Exposure => found(
            of_kind(ResourceType::Exposure).map(|node| node.name.as_str()).collect(),
            "exposure:",
        ),
        Method::Metric => found(
            of_kind(ResourceType::Metric).map(|node| node.name.as_str()).collect(),
            "metric:",
        ),
        Method::SemanticModel => found(
            of_kind(ResourceType::SemanticModel)
                .map(|node| node.name.as_str())
                .collect(),
            "semantic_model:",
        ),
        Method::SavedQuery => found(
            of_kind(ResourceType::SavedQuery)
                .map(|node| node.name.as_str())
                .collect(),
            "saved_query:",
        ),
        Method::Path => {
            let mut paths: Vec<&str> = Vec::new();
            for node in nodes {
                let path = node.original_path.as_str();
                paths.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
                paths.push(path);
            }
            found(paths, "")
        }
        Method::File => found(
            nodes.filter_map(|node| node.original_path.rsplit('/').next()).collect(),
            "",
        ),
        Method::Package => found(nodes.map(|node| node.package.as_str()).collect(), "package:"),
        Method::TestName => {
            let generic = |node: &'a Node| Some(node.test.as_ref()?.generic.as_ref()?.name.as_str());
            found(nodes.filter_map(generic).collect(), "test_name:")
        }
        Method::Group => found(nodes.filter_map(|node| node.group.as_deref()).collect(), "group:"),
        Method::ResourceType => found(nodes.map(|node| node.resource_type.name()).collect(), "resource_type:"),
        Method::Selector
        | Method::Config
        | Method::TestType
        | Method::Access
        | Method::Version
        | Method::State
        | Method::Result
        | Method::SourceStatus => None,
    }
}
