//! `--state` and its relatives: other runs to compare with, or to read from.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, RwLock};

use indexmap::IndexSet;
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::state::PreviousState;
use crate::graph::{Materialization, Node, NodeId, ResourceType, SourceStates};
use crate::postgres::catalog;
use crate::project::Artifacts;
use crate::run::{Deferral, RunContext};
use crate::sql::Relation;

use super::workspace::Workspace;

/// The run that `--state` names, beside the project as it is; nothing where none is named.
pub(super) fn previous_state(workspace: &Workspace) -> Result<Option<Arc<PreviousState>>, Diagnostics> {
    let Some(folder) = workspace.state().state.clone() else {
        return Ok(None);
    };
    let before = read(workspace, &folder, "--state")?;
    let target = workspace.root.join(workspace.target_path());
    if is_same(&workspace.root.join(&folder), &target) {
        let message = "--state is the target folder of this project, which every command writes to";
        let problem = Diagnostic::warning("state-is-target", message);
        let problem = problem.help("copy what is to be compared with to another folder");
        workspace.talk.warn(problem)?;
    }
    let freshness = |folder: &Path| match folder.join("sources.json") {
        path if path.exists() => SourceStates::read(&path).map(Some),
        _ => Ok(None),
    };
    let sources = [freshness(&workspace.root.join(&folder))?, freshness(&target)?];
    let current = workspace.manifest(HashMap::new());
    let mut previous = PreviousState::new(before, current, sources, Timestamp::now());
    if !workspace.project.compares_what_is_written() {
        previous = previous.by_value();
    }
    Ok(Some(Arc::new(previous)))
}

/// `--defer`: tells a run where to read what it does not build. Published views must not read another run's relations: their
/// rows would be seen without an audit.
pub(super) async fn defer(
    workspace: &Workspace,
    context: &RunContext,
    selected: &IndexSet<NodeId>,
) -> Result<(), Diagnostics> {
    let state = workspace.state();
    if !state.defer {
        return Ok(());
    }
    let deferral = Deferral {
        here: RwLock::new(here(workspace, context).await?),
        relations: relations(workspace, &previous_manifest(workspace)?),
        selected: selected.iter().cloned().collect(),
        favor_state: state.favor_state,
    };
    if context.gate.is_some() {
        let mut problems = Diagnostics::default();
        let nodes = selected.iter().filter_map(|id| workspace.graph.node(id));
        for node in nodes.filter(|node| node.is_published() && node.config.materialized == Materialization::View) {
            problems.0.extend(refused_view(workspace, &deferral, node));
        }
        if problems.has_errors() {
            return Err(problems);
        }
    }
    context.defer(deferral);
    Ok(())
}

/// What a published view would read of another run, through ephemeral models too.
fn refused_view(workspace: &Workspace, deferral: &Deferral, view: &Node) -> Option<Diagnostic> {
    let mut open = workspace.graph.parents(&view.id);
    while let Some(parent) = open.pop() {
        if parent.config.materialized == Materialization::Ephemeral {
            open.extend(workspace.graph.parents(&parent.id));
            continue;
        }
        let Some(there) = deferral
            .relation(&parent.id)
            .filter(|_| !deferral.selected.contains(&parent.id))
        else {
            continue;
        };
        let message = format!("the published view {} would read {there} of another run", view.name);
        let problem = Diagnostic::error("deferred-view", message).at(view.declared.clone());
        return Some(
            problem
                .because("readers would see rows that no audit of this project has passed")
                .help(format!(
                    "build {} too, or make {} a table: tables are audited with the rows they took",
                    parent.name, view.name
                )),
        );
    }
    None
}

/// What has a relation in the target.
async fn here(workspace: &Workspace, context: &RunContext) -> Result<HashSet<NodeId>, Diagnostics> {
    let nodes = || workspace.graph.nodes().filter(|node| is_deferrable(node.resource_type));
    let schemas: BTreeSet<String> = nodes().map(|node| node.relation.stored_schema().into_owned()).collect();
    let schemas: Vec<String> = schemas.into_iter().collect();
    let connection = context.pool.get().await?;
    let found = catalog::catalog(&connection, &schemas)
        .await
        .map_err(|error| error.diagnostic())?;
    let functions = catalog::functions(&connection, &schemas)
        .await
        .map_err(|error| error.diagnostic())?;
    let is_here = |node: &&Arc<Node>| {
        let (schema, name) = (node.relation.stored_schema(), node.relation.stored_identifier());
        match node.resource_type {
            ResourceType::Function => functions.contains(&(schema.into_owned(), name.into_owned())),
            _ => found.relation(&schema, &name).is_some(),
        }
    };
    Ok(nodes().filter(is_here).map(|node| Arc::clone(&node.id)).collect())
}

fn is_deferrable(kind: ResourceType) -> bool {
    matches!(
        kind,
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot | ResourceType::Function
    )
}

/// The manifest that `--defer` and `clone` read.
pub(super) fn previous_manifest(workspace: &Workspace) -> Result<Json, Diagnostic> {
    let state = workspace.state();
    let own = state.defer_state.clone();
    let option = if own.is_some() { "--defer-state" } else { "--state" };
    let Some(folder) = own.or_else(|| state.state.clone()) else {
        return Err(Diagnostic::error("no-state", "there is no other run to read from")
            .because("neither --state nor --defer-state is given")
            .help("give the folder with the manifest.json of that run: --state DIR"));
    };
    let found = read(workspace, &folder, option)?;
    found.manifest.ok_or_else(|| {
        let message = format!("{option}: there is no manifest.json in {}", folder.display());
        Diagnostic::error("no-state", message)
            .help("copy the target folder of the other run there, with its manifest.json")
    })
}

/// Where a manifest says that the nodes of this project are.
pub(super) fn relations(workspace: &Workspace, manifest: &Json) -> HashMap<NodeId, Relation> {
    let entries = ["nodes", "functions"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_object());
    let mut relations = HashMap::new();
    for (id, entry) in entries.flatten() {
        let Some(node) = workspace
            .graph
            .node(id)
            .filter(|node| is_deferrable(node.resource_type))
        else {
            continue;
        };
        if entry["config"]["materialized"] == "ephemeral" {
            continue;
        }
        let text = |key: &str| entry[key].as_str();
        if let (Some(schema), Some(alias)) = (text("schema"), text("alias")) {
            let relation = Relation::new(text("database"), schema, alias).quoting(node.relation.quoted);
            relations.insert(Arc::clone(&node.id), relation);
        }
    }
    relations
}

fn read(workspace: &Workspace, folder: &Path, option: &str) -> Result<Artifacts, Diagnostic> {
    let shown = folder.display().to_string();
    let found = workspace.root.join(folder);
    if !found.is_dir() {
        let message = format!("{option}: there is no folder {shown}");
        let problem = Diagnostic::error("no-state", message);
        return Err(
            problem.help("it is looked for from the project's folder on; copy the target folder of another run there")
        );
    }
    Artifacts::read(&found, &shown)
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
