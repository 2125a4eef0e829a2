//! `docs`: the catalogue and the site of a project, written and shown.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gate::{Certified, LEDGER_FORMAT};
use crate::graph::entry;
use crate::graph::{Node, NodeId, ResourceType};
use crate::report::artifact;
use crate::report::docs_site::{Material, lineage, page};
use crate::run::{self, CatalogAnswer, Level, Measured, RunContext};

use super::arguments::Global;
use super::arguments::{DocsAction, DocsArguments, DocsGenerateArguments};
use super::connect::{Connected, connect};
use super::docs_serve;
use super::select::select;
use super::state::defer;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

/// What is rendered, and the sources, of which there is only something to look at.
const KINDS: [ResourceType; 6] = [
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Test,
    ResourceType::Analysis,
    ResourceType::Source,
];

pub(super) async fn docs(global: &Global, talk: &Talk, arguments: &DocsArguments) -> Outcome {
    match &arguments.action {
        DocsAction::Generate(arguments) => generate(global, talk, arguments).await,
        DocsAction::Serve(arguments) => docs_serve::serve(global, talk, arguments).await,
    }
}

/// What the database was asked for.
#[derive(Default)]
struct Asked {
    compiled: HashMap<NodeId, entry::Compiled>,
    catalog: CatalogAnswer,
    measured: IndexMap<(String, String), Measured>,
    certificates: Vec<Certified>,
}

async fn generate(global: &Global, talk: &Talk, arguments: &DocsGenerateArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "generate")?;
    let empty = arguments.allow_empty;
    let selected = select(&workspace, "docs generate", &arguments.selection, &KINDS, empty)?.nodes;
    let asked = if arguments.no_compile && arguments.empty_catalog {
        Asked {
            compiled: compiled_before(&workspace),
            ..Asked::default()
        }
    } else {
        let connected = connect(&workspace, arguments.threads).await?;
        let asked = ask(&workspace, &connected, &selected, arguments).await;
        connected.leave(asked.is_ok()).await?;
        asked?
    };
    write(&workspace, &asked, &selected, arguments)?;
    for error in &asked.catalog.errors {
        talk.tell(error.clone());
    }
    Ok(if asked.catalog.errors.is_empty() {
        Status::Success
    } else {
        Status::Failed
    })
}

async fn ask(
    workspace: &Workspace,
    connected: &Connected,
    selected: &IndexSet<NodeId>,
    arguments: &DocsGenerateArguments,
) -> Result<Asked, Diagnostics> {
    let as_of = workspace.as_of(connected, selected).await?;
    let flags = workspace.flags("generate", connected.threads);
    let context = workspace.context(connected, flags, as_of, selected);
    defer(workspace, &context, selected).await?;
    let connection = Arc::new(context.pool.get().await?);
    let mut asked = Asked {
        compiled: if arguments.no_compile {
            compiled_before(workspace)
        } else {
            compile(workspace, &context, selected, &connection).await?
        },
        ..Asked::default()
    };
    if arguments.empty_catalog {
        return Ok(asked);
    }
    let all: Vec<&Node> = workspace.graph.nodes().map(|node| &**node).collect();
    // As dbt: with nothing compiled, nothing is chosen, and whole schemas are asked for.
    let whole = arguments.no_compile;
    let chosen: Vec<&Node> = all
        .iter()
        .copied()
        .filter(|node| whole || selected.contains(&node.id))
        .collect();
    let asking = workspace.inline_node("");
    asked.catalog = run::catalog(&context, &connection, &asking, &chosen, whole).await;
    let schemas: IndexSet<String> = chosen
        .iter()
        .filter(|node| run::is_in_catalog(node))
        .map(|node| node.relation.stored_schema().into_owned())
        .collect();
    let schemas: Vec<String> = schemas.into_iter().collect();
    asked.measured = run::measured(&connection, &schemas)
        .await
        .map_err(|error| error.diagnostic())?;
    if let Some(gate) = workspace.gate() {
        let found = async {
            match gate.ledger.format(&connection).await? {
                Some(format) if format >= LEDGER_FORMAT => gate.ledger.certificates(&connection).await,
                Some(_) => {
                    let text = "The ledger is of an older format: the site shows no certificates until the next build";
                    workspace.talk.say(Level::Warn, text);
                    Ok(Vec::new())
                }
                None => Ok(Vec::new()),
            }
        };
        match found.await {
            Ok(certificates) => asked.certificates = certificates,
            // Who may not read the ledger gets a site without certificates.
            Err(error) if error.is("42501") => {
                let text = "The ledger may not be read by this role: the site shows no certificates";
                workspace.talk.say(Level::Warn, text);
            }
            Err(error) => return Err(error.diagnostic().into()),
        }
    }
    Ok(asked)
}

async fn compile(
    workspace: &Workspace,
    context: &Arc<RunContext>,
    selected: &IndexSet<NodeId>,
    connection: &Arc<crate::postgres::PooledConnection>,
) -> Result<HashMap<NodeId, entry::Compiled>, Diagnostics> {
    let mut compiled = HashMap::new();
    let mut problems = Diagnostics::default();
    for node in selected.iter().filter_map(|id| workspace.graph.node(id)) {
        if matches!(node.resource_type, ResourceType::Seed | ResourceType::Source) {
            continue;
        }
        match super::compile::one(context, node, connection).await {
            Ok(made) => {
                compiled.insert(
                    Arc::clone(&node.id),
                    entry::Compiled {
                        code: made.sql,
                        ..entry::Compiled::default()
                    },
                );
            }
            Err(mut diagnostics) => problems.0.append(&mut diagnostics.0),
        }
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(compiled)
    }
}

/// What an earlier command wrote below `target/compiled`.
fn compiled_before(workspace: &Workspace) -> HashMap<NodeId, entry::Compiled> {
    let nodes = workspace.graph.nodes();
    nodes
        .filter_map(|node| {
            let path = crate::graph::compiled_path(workspace.target_path(), node);
            let code = std::fs::read_to_string(workspace.root.join(path)).ok()?;
            Some((
                Arc::clone(&node.id),
                entry::Compiled {
                    code,
                    ..entry::Compiled::default()
                },
            ))
        })
        .collect()
}

fn write(
    workspace: &Workspace,
    asked: &Asked,
    selected: &IndexSet<NodeId>,
    arguments: &DocsGenerateArguments,
) -> Result<(), Diagnostic> {
    let target = workspace.root.join(workspace.target_path());
    for folder in workspace.assets() {
        copy_folder(&workspace.root, &folder, &target)?;
    }
    let all: Vec<&Node> = workspace.graph.nodes().map(|node| &**node).collect();
    let errors: Vec<String> = asked.catalog.errors.iter().map(ToString::to_string).collect();
    let wanted = |node: &Node| {
        let nothing = arguments.empty_catalog;
        !nothing && (arguments.no_compile || selected.contains(&node.id))
    };
    let now = Timestamp::now();
    let invocation = workspace.invocation();
    let catalog = artifact::catalog(&asked.catalog.rows, &all, &wanted, &errors, &invocation, now);
    artifact::write_json(&target.join("catalog.json"), &catalog)?;
    let manifest = workspace.manifest(asked.compiled.clone());
    let manifest_path = target.join("manifest.json");
    if !arguments.no_compile || !manifest_path.exists() {
        artifact::write_json(&manifest_path, &manifest)?;
    }
    let project = workspace.project_name();
    let material = Material {
        target: &workspace.target.name,
        generated_at: now.to_string(),
        run_results: read(&target.join("run_results.json")),
        freshness: read(&target.join("sources.json")),
        certificates: asked.certificates.clone(),
        measured: asked.measured.clone(),
        lineage: lineage(&manifest, &catalog),
        ..Material::new(project, &manifest, &catalog)
    };
    let page = page(&material);
    artifact::write_text(&target.join("index.html"), &page)?;
    if arguments.single_file {
        artifact::write_text(&target.join("static_index.html"), &page)?;
    }
    let shown = Path::new(workspace.target_path()).join("index.html");
    let text = format!("Wrote {}: open it in a browser, or `assay docs serve`", shown.display());
    workspace.talk.say(Level::Info, &text);
    Ok(())
}

/// An artifact of an earlier command; one that is not there, or is broken, says nothing.
fn read(path: &Path) -> Option<Json> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Puts a folder of the project into the target folder, in place of what is there.
fn copy_folder(root: &Path, folder: &str, target: &Path) -> Result<(), Diagnostic> {
    let (from, to) = (root.join(folder), target.join(folder));
    let inside = |path: &Path| {
        let mut parts = path.components();
        path.components().next().is_some() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
    };
    if !inside(Path::new(folder)) {
        let message = format!("the asset path `{folder}` is not a folder below the project");
        return Err(Diagnostic::error("unsafe-assets", message).help("name a folder of the project in asset-paths"));
    }
    if !from.is_dir() {
        return Ok(());
    }
    let copied = || -> std::io::Result<()> {
        if to.exists() {
            std::fs::remove_dir_all(&to)?;
        }
        for entry in walkdir::WalkDir::new(&from) {
            let entry = entry?;
            let below = entry.path().strip_prefix(&from).unwrap_or(Path::new(""));
            let place: PathBuf = to.join(below);
            if entry.file_type().is_dir() {
                std::fs::create_dir_all(place)?;
            } else if entry.file_type().is_file() {
                std::fs::copy(entry.path(), place)?;
            }
        }
        Ok(())
    };
    copied().map_err(|error| {
        Diagnostic::error("file-not-written", format!("cannot copy {folder} to {}", to.display()))
            .because(error.to_string())
            .help("check that the folder may be written to and that the disk has room")
    })
}
