//! From a project to its graph: every template is rendered once without a database, and what it asks for becomes edges.

mod call;
mod check;
mod constraint;
mod deprecation;
mod describe;
pub use describe::with_docs;
mod exposure;
mod function;
mod generic;
mod hook;
mod layer;
mod measure;
mod operation;
mod partition;
mod patch;
mod placement;
mod pointer;
mod publish_set;
pub(super) mod python;
mod resolve;
mod semantic;
mod snapshot;
mod source;
#[cfg(test)]
mod stub;
mod template;
#[cfg(test)]
mod tests;
mod time_spine;
mod unit_test;

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::config::{Owner, TypedConfig, merge, type_config};
use super::recorder::{Recorded, Variables};
use super::templates::Templates;
use super::{BadGraph, Graph, Node, ResourceType};
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Place, SourceFile};
use crate::project::{
    ConfigTree, ModelVersion, Package, Project, ProjectSettings, Setting, Settings, Written, config_key,
};

/// Where nodes go that do not say it themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub database: String,
    pub schema: String,
}

/// Parses every template of a project and ties the nodes together. The second value holds warnings; the error holds those
/// and everything found wrong. Nothing is asked of a database.
pub fn build(
    project: &Project,
    templates: &dyn Templates,
    target: &Target,
    given_vars: &IndexMap<String, Json>,
) -> Result<(Graph, Diagnostics), Diagnostics> {
    let builder = Builder {
        project,
        templates,
        target,
        variables: Arc::new(Variables::new(project, given_vars)),
        custom: custom_materializations(project, templates),
    };
    let mut problems = Diagnostics::default();
    let mut nodes = builder.templated(&mut problems);
    nodes.extend(builder.sources(&mut problems));
    let mut collected = resolve::Nodes::new(project, nodes, &mut problems);
    let tests = builder.generic_tests(&collected, &mut problems);
    collected.add(tests, &mut problems);
    let unit_tests = builder.unit_tests(&collected, &mut problems);
    collected.add(unit_tests, &mut problems);
    collected.add(builder.semantic_layer(&mut problems), &mut problems);
    collected.add(builder.exposures(&mut problems), &mut problems);
    collected.report_unmatched(&mut problems);
    let (mut nodes, disabled) = collected.resolved(&mut problems);
    measure::tie(&mut nodes);
    time_spine::check(&nodes, &mut problems);
    layer::check(project, &nodes, &mut problems);
    let all: Vec<&Node> = nodes.iter().chain(&disabled).collect();
    check::unused_paths(project, &all, &mut problems);
    check::relations(&nodes, &mut problems);
    check::groups(project, &nodes, &mut problems);
    partition::check(&nodes, &mut problems);
    super::subject::check(&nodes, &mut problems);
    deprecation::deprecated(&nodes, jiff::Timestamp::now(), &mut problems);
    deprecation::unpinned(&nodes, &mut problems);
    if let Some(gate) = project.gate() {
        check::published(gate, &mut nodes, &mut problems);
        measure::read_from(&mut nodes);
    }
    told_once(&mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let nodes: Vec<Arc<Node>> = nodes.into_iter().map(Arc::new).collect();
    let disabled = disabled.into_iter().map(Arc::new).collect();
    match Graph::new(&project.own().name, nodes.iter().cloned(), disabled) {
        Ok(graph) => {
            let sets = publish_set::publish_sets(project, &graph, &mut problems);
            if problems.has_errors() {
                return Err(problems);
            }
            Ok((graph.with_publish_sets(sets), problems))
        }
        Err(bad) => {
            problems.push(bad_graph(&bad, &nodes));
            Err(problems)
        }
    }
}

/// A bad value in the project file is found again for every node that it reaches: the first finding is kept, and says how
/// many there are.
fn told_once(problems: &mut Diagnostics) {
    let mut first: HashMap<(&'static str, String, usize), usize> = HashMap::new();
    let mut kept: Vec<(Diagnostic, usize)> = Vec::with_capacity(problems.0.len());
    for problem in std::mem::take(&mut problems.0) {
        let configured = matches!(
            problem.code,
            "wrong-type" | "wrong-value" | "unknown-key" | "not-supported" | "missing-key" | "missing-group"
        );
        if let (true, Some(place)) = (configured, &problem.place) {
            let key = (problem.code, place.file.path.clone(), place.span.start);
            if let Some(index) = first.get(&key) {
                kept[*index].1 += 1;
                continue;
            }
            first.insert(key, kept.len());
        }
        kept.push((problem, 0));
    }
    problems.0 = kept
        .into_iter()
        .map(|(mut problem, more)| {
            if more > 0 {
                let why = problem
                    .cause
                    .take()
                    .map(|cause| format!("{cause}\n"))
                    .unwrap_or_default();
                let nodes = if more == 1 { "node" } else { "nodes" };
                problem.cause = Some(format!("{why}it reaches {more} more {nodes}"));
            }
            problem
        })
        .collect();
}

fn bad_graph(bad: &BadGraph, nodes: &[Arc<Node>]) -> Diagnostic {
    let find = |id: &str| nodes.iter().find(|node| &*node.id == id);
    match bad {
        BadGraph::Cycle(path) => {
            let mut shown: Vec<&str> = path
                .iter()
                .map(|id| find(id).map_or(&**id, |node| node.name.as_str()))
                .collect();
            shown.extend(shown.first().copied());
            let mut diagnostic =
                Diagnostic::error("cycle", format!("these depend on themselves: {}", shown.join(" -> ")))
                    .help("break the circle: one of them must stop reading the next");
            for (i, id) in path.iter().enumerate() {
                let next = find(&path[(i + 1) % path.len()]);
                let (Some(node), Some(next)) = (find(id), next) else {
                    continue;
                };
                let place = resolve::ref_place(node, &next.name);
                if i == 0 {
                    diagnostic = diagnostic.at(place);
                } else {
                    diagnostic = diagnostic.frame(check::what(node), place);
                }
            }
            diagnostic
        }
        BadGraph::Duplicate(_) | BadGraph::Missing(..) => Diagnostic::error("bad-graph", bad.to_string()),
    }
}

/// Materializations that macros of the project and its packages define.
fn custom_materializations(project: &Project, templates: &dyn Templates) -> Vec<String> {
    let mut names: Vec<String> = templates
        .macros()
        .into_iter()
        .filter(|(package, _)| project.package(package).is_some())
        .filter_map(|(_, name)| {
            let name = name.strip_prefix("materialization_")?;
            let name = name
                .strip_suffix("_default")
                .or_else(|| name.strip_suffix("_postgres"))?;
            Some(name.to_owned())
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

pub(super) struct Builder<'a> {
    project: &'a Project,
    templates: &'a dyn Templates,
    target: &'a Target,
    variables: Arc<Variables>,
    custom: Vec<String>,
}

/// What is known of a node before its template is rendered.
struct Draft<'a> {
    resource_type: ResourceType,
    package: &'a Package,
    name: String,
    path: String,
    original_path: String,
    /// Of a model that has versions.
    version: Option<ModelVersion>,
    fqn: Vec<String>,
    source: Arc<SourceFile>,
    declared: Place,
    /// `model`, `seed`, .. and the name: for messages.
    what: String,
    /// From the project file and the properties, least specific first.
    settings: Settings,
}

impl Builder<'_> {
    fn is_own(&self, package: &Package) -> bool {
        package.name == self.project.own().name
    }

    /// What the project file and then `described` say about a node.
    pub(super) fn settings(
        package: &Package,
        resource_type: ResourceType,
        fqn: &[String],
        described: &[&Settings],
    ) -> Settings {
        let mut settings = Settings::new();
        for layer in tree(&package.settings, resource_type).along(fqn) {
            merge(&mut settings, layer);
        }
        for layer in described {
            merge(&mut settings, layer);
        }
        settings
    }

    /// What the root project says about a node of another package comes last, and so wins.
    fn override_settings(
        &self,
        package: &Package,
        resource_type: ResourceType,
        fqn: &[String],
        settings: &mut Settings,
    ) {
        if !self.is_own(package) {
            for layer in tree(&self.project.own().settings, resource_type).along(fqn) {
                merge(settings, layer);
            }
        }
    }

    /// Adds what the template's own `config()` calls said.
    /// `written` is what they say before they are rendered, where that counts.
    fn add_calls(
        settings: &mut Settings,
        source: &Arc<SourceFile>,
        recorded: &Recorded,
        written: &IndexMap<String, String>,
    ) {
        for values in &recorded.configs {
            let mut layer = Settings::new();
            for (key, value) in values {
                let own = written
                    .get_key_value(key)
                    .or_else(|| written.get_key_value(&key.replace('-', "_")));
                let written = match (own, key.as_str()) {
                    (Some((typed, text)), _) => Some((typed.clone(), Some(Json::from(text.as_str())))),
                    (None, _) if !written.is_empty() => Some((key.clone(), None)),
                    (None, "pre_hook" | "post_hook") => Some((key.replace('_', "-"), Some(value.clone()))),
                    _ => None,
                };
                let setting = Setting {
                    value: value.clone(),
                    place: key_place(source, key),
                    written: written.map(|(key, value)| Box::new(Written { key, value })),
                };
                layer.insert(config_key(key), setting);
            }
            merge(settings, &layer);
        }
    }

    fn typed(&self, draft: &Draft, settings: &Settings, problems: &mut Diagnostics) -> TypedConfig {
        let custom = |name: &str| self.custom.iter().any(|known| known == name);
        type_config(settings, &self.owner(draft, &custom), problems)
    }

    fn owner<'o>(&'o self, draft: &'o Draft, custom: &'o dyn Fn(&str) -> bool) -> Owner<'o> {
        Owner {
            what: &draft.what,
            resource_type: draft.resource_type,
            flavour: draft.package.settings.flavour,
            custom,
            custom_names: &self.custom,
        }
    }
}

impl Draft<'_> {
    fn id(&self) -> Arc<str> {
        let (word, package, name) = (self.resource_type.name(), &self.package.name, &self.name);
        Arc::from(match &self.version {
            Some(version) => format!("{word}.{package}.{name}.v{}", version.name),
            None => format!("{word}.{package}.{name}"),
        })
    }

    /// The node as templates see it while they are parsed: what is known before anything is resolved.
    fn json(&self, config: &Json, target: &Target) -> Json {
        json!({
            "database": target.database,
            "schema": target.schema,
            "name": self.name,
            "resource_type": self.resource_type.name(),
            "package_name": self.package.name,
            "path": self.path,
            "original_file_path": self.original_path,
            "unique_id": &*self.id(),
            "fqn": self.fqn,
            "alias": self.name,
            "config": config,
            "tags": config.get("tags").cloned().unwrap_or_else(|| json!([])),
            "meta": config.get("meta").cloned().unwrap_or_else(|| json!({})),
            "description": "",
            "columns": {},
            "docs": { "show": true },
            "unrendered_config": {},
            "raw_code": self.source.text,
            "doc_blocks": [],
            "language": "sql",
            "refs": [],
            "sources": [],
            "metrics": [],
            "functions": [],
            "depends_on": { "macros": [], "nodes": [] },
            "constraints": [],
            "version": self.version.as_ref().map(|version| &version.name),
            "latest_version": self.version.as_ref().map(|version| &version.latest),
        })
    }
}

/// The settings as one JSON mapping.
fn settings_json(settings: &Settings) -> Json {
    Json::Object(
        settings
            .iter()
            .map(|(key, setting)| (key.clone(), setting.value.clone()))
            .collect(),
    )
}

fn tree(settings: &ProjectSettings, resource_type: ResourceType) -> &ConfigTree {
    match resource_type {
        ResourceType::Seed => &settings.seeds,
        ResourceType::Snapshot => &settings.snapshots,
        ResourceType::Source => &settings.sources,
        ResourceType::Test => &settings.data_tests,
        ResourceType::Exposure => &settings.exposures,
        ResourceType::UnitTest => &settings.unit_tests,
        ResourceType::SemanticModel => &settings.semantic_models,
        ResourceType::Metric => &settings.metrics,
        ResourceType::SavedQuery => &settings.saved_queries,
        ResourceType::Function => &settings.functions,
        ResourceType::Model | ResourceType::Analysis | ResourceType::Operation => &settings.models,
    }
}

/// The package, the folders and the name.
fn fqn(package: &str, path: &str, name: &str) -> Vec<String> {
    let mut fqn = vec![package.to_owned()];
    if let Some((folders, _)) = path.rsplit_once('/') {
        fqn.extend(folders.split('/').map(str::to_owned));
    }
    fqn.push(name.to_owned());
    fqn
}

/// Where a template sets a key: the word after `config(`, else the top of the file.
fn key_place(source: &Arc<SourceFile>, key: &str) -> Place {
    let text = &source.text;
    let start = text.find("config").unwrap_or(0);
    let found = text[start..].match_indices(key).find(|(at, _)| {
        let before = text[..start + at].chars().next_back();
        let after = text[start + at + key.len()..].chars().next();
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !word(before) && !word(after)
    });
    match found {
        Some((at, _)) => Place::new(source, start + at..start + at + key.len()),
        None => Place::new(source, 0..0),
    }
}

/// An error where a project is ours, a warning where dbt lets it pass.
fn lenient(package: &Package, diagnostic: Diagnostic) -> Diagnostic {
    Diagnostic {
        level: package.settings.flavour.lenient(),
        ..diagnostic
    }
}

/// Does the work for every item on all processors and keeps the order.
fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if threads == 1 || items.len() < 32 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let handles: Vec<_> = items
            .chunks(items.len().div_ceil(threads))
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>()))
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| match handle.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Turns what a template failed with into a warning where its node is switched off anyway.
fn is_off(settings: &Settings) -> bool {
    settings.get("enabled").is_some_and(|setting| match &setting.value {
        Json::Bool(flag) => !flag,
        Json::String(text) => text.eq_ignore_ascii_case("false"),
        _ => false,
    })
}

/// Warnings that the template itself gave.
fn template_warnings(what: &str, place: &Place, recorded: &Recorded, problems: &mut Diagnostics) {
    for message in &recorded.warnings {
        let mut diagnostic = Diagnostic::warning("template-warning", format!("{what}: {message}")).at(place.clone());
        diagnostic.level = Level::Warning;
        problems.push(diagnostic);
    }
}
