//! A project read for a command: files, target, graph, and the ways to talk about them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use indexmap::{IndexMap, IndexSet};
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, WarnError};
use crate::gate::{Keep, Ledger, Models};
use crate::graph::entry::{self, FlatGraph};
use crate::graph::select::Selectors;
use crate::graph::{Graph, Node, NodeId, ResourceType, Said, Variables, Voice, bare_node};
use crate::jinja::{Engine, Global as TemplateGlobal, GraphEntries, GraphView};
use crate::postgres::Session;
use crate::postgres::local::Options;
use crate::project::profile::{Environment, Secret, Target, TargetKind};
use crate::project::{DBT_VERSION, Flavour, Practice, Project, Seed, SeedOptions};
use crate::report::artifact::{self, Contents, Invocation};
use crate::run::{
    Event, Events, Flags, Gate, Interrupt, Layout, Level, Made, QueryComment, RunContext, RunResult, newest_arrival,
    statement_log,
};
use crate::sql::Relation;

use super::arguments::{Global, StateArguments};
use super::connect::Connected;
use super::contents::{complete, groups};
use super::invocation::Invoked;
use super::load::{Wanted, globals, load};
use super::retry::Retried;

/// How a command speaks, and who it is.
#[derive(Clone)]
pub(super) struct Talk {
    pub events: Events,
    /// A UUID.
    pub invocation_id: String,
    pub invoked: Arc<Invoked>,
    /// Which warnings are errors.
    pub warn_error: Arc<WarnError>,
    /// Whether single statements are told.
    pub statements: bool,
}

impl Talk {
    pub fn say(&self, level: Level, text: &str) {
        self.events.message(level, text);
    }

    pub fn tell(&self, diagnostic: Diagnostic) {
        self.events.tell(Event::Diagnostic(diagnostic));
    }

    /// Passes on what templates say while they are parsed.
    fn voice(&self, print: bool) -> Voice {
        let events = Mutex::new(self.events.clone());
        Voice::new(move |said| {
            let events = events.lock().unwrap_or_else(PoisonError::into_inner);
            match said {
                Said::Logged { text, shown: true } => events.message(Level::Info, text),
                Said::Logged { text, shown: false } => events.message(Level::Debug, text),
                Said::Printed(text) if print => events.tell(Event::Printed(text)),
                Said::Printed(_) => {}
            }
        })
    }

    /// Tells warnings, unless one of them is an error.
    pub fn warn(&self, warnings: impl Into<Diagnostics>) -> Result<(), Diagnostics> {
        for warning in self.warn_error.sift(warnings.into())?.0 {
            self.tell(warning);
        }
        Ok(())
    }

    /// There is nothing to do, which dbt warns of.
    pub fn nothing_to_do(&self) -> Result<(), Diagnostics> {
        let found = Diagnostic::warning("nothing-to-do", "Nothing to do.");
        for warning in self.warn_error.sift(found.into())?.0 {
            self.say(Level::Warn, &warning.message);
        }
        Ok(())
    }
}

/// A project that compiles, and the target it would be built on.
pub(super) struct Workspace {
    pub root: PathBuf,
    pub project: Arc<Project>,
    pub graph: Arc<Graph>,
    pub engine: Engine,
    pub vars: Arc<Variables>,
    pub selectors: Selectors,
    pub target: Target,
    pub talk: Talk,
    command: String,
    started: Timestamp,
    target_path: String,
    no_download: bool,
    fail_fast: bool,
    pub single_threaded: bool,
    print: bool,
    write_json: bool,
    state: StateArguments,
    retried: Option<Arc<Retried>>,
}

impl Workspace {
    /// Reads everything. Warnings are told at once; any error ends the command.
    pub fn load(global: &Global, talk: &Talk, command: &str) -> Result<Self, Diagnostics> {
        let started = Timestamp::now();
        let root = find_root(global)?;
        let given = given_vars(global)?;
        let loaded = load(&Wanted {
            root: &root,
            profile: global.profile.as_deref(),
            target: global.target.as_deref(),
            profiles_dir: global.profiles_dir.as_deref(),
            checks_version: !global.no_version_check,
            vars: &given,
            globals: &invocation_globals(talk, command, started),
            voice: &talk.voice(!global.no_print),
        })?;
        talk.warn(loaded.warnings)?;
        let target_path = match &global.target_path {
            Some(path) => path.display().to_string(),
            None => loaded.project.own().settings.paths.target.clone(),
        };
        talk.events.tell(Event::Invoked);
        talk.events.tell(Event::Found(counts(&loaded.graph)));
        let workspace = Self {
            root,
            selectors: Selectors::read(&loaded.project.selectors)?,
            vars: Arc::new(Variables::new(&loaded.project, &given.into_iter().collect())),
            project: Arc::new(loaded.project),
            graph: Arc::new(loaded.graph),
            engine: loaded.engine,
            target: loaded.target,
            talk: talk.clone(),
            command: command.to_owned(),
            started,
            target_path,
            no_download: global.no_download,
            fail_fast: global.fail_fast,
            single_threaded: global.single_threaded,
            print: !global.no_print,
            write_json: !global.no_write_json,
            state: global.state.clone(),
            retried: global.retried.clone(),
        };
        workspace.check_divided()?;
        Ok(workspace)
    }

    /// What an earlier run left to do, where that is tried again.
    pub fn retried(&self) -> Option<&Retried> {
        self.retried.as_deref()
    }

    /// What was typed of other runs.
    pub fn state(&self) -> &StateArguments {
        &self.state
    }

    pub fn project_name(&self) -> &str {
        &self.project.own().name
    }

    /// Whether dbt's lenience holds.
    pub fn is_lenient(&self) -> bool {
        self.project.own().settings.flavour == Flavour::Dbt
    }

    pub fn started(&self) -> Timestamp {
        self.started
    }

    pub fn target_path(&self) -> &str {
        &self.target_path
    }

    /// Folders whose files the site may show.
    pub fn assets(&self) -> Vec<String> {
        self.project.own().settings.paths.assets.clone()
    }

    pub fn local_options(&self) -> Options {
        options(self.no_download)
    }

    fn published_models(&self) -> Models {
        let published = self.graph.nodes().filter(|node| node.is_published());
        published
            .map(|node| (node.relation.identifier.clone(), node.config.grants.clone()))
            .collect()
    }

    pub fn gate(&self) -> Option<Gate> {
        self.project.gate().map(|gate| Gate {
            ledger: Ledger::of(&gate.schema),
            readers: gate.readers.clone(),
            keep: Keep {
                versions: gate.keep,
                days: gate.keep_days,
            },
            keep_removed: gate.keep_removed,
            together: gate.together,
            models: Arc::new(self.published_models()),
            certification: gate.certification.clone(),
        })
    }

    /// Raw data that the project asks for on the local server.
    pub fn practice(&self) -> Option<&Practice> {
        self.project.own().settings.practice.as_ref()
    }

    /// What sessions share: the secret that pseudonyms are made with. On the local server one is made and kept where
    /// none is given; elsewhere its absence is the server's to complain about, when a model asks for it.
    pub fn session(&self, target: &Target) -> Result<Session, Diagnostic> {
        let given = std::env::var("ASSAY_PSEUDONYM_SECRET")
            .ok()
            .filter(|secret| !secret.is_empty());
        let secret = match given {
            Some(secret) => Some(secret),
            None if target.kind == TargetKind::Local => Some(kept_secret(&self.root)?),
            None => None,
        };
        Ok(Session {
            pseudonym_secret: secret.map(Secret::new),
            settings: self.project.own().settings.session.clone(),
            notices: None,
            observer: self.talk.statements.then(|| statement_log(&self.talk.events)),
        })
    }

    pub fn flags(&self, command: &str, threads: usize) -> Flags {
        Flags {
            command: command.to_owned(),
            invocation_id: self.talk.invocation_id.clone(),
            threads,
            full_refresh: false,
            audit_full: false,
            fail_fast: self.fail_fast,
            print: self.print,
            lenient: self.is_lenient(),
            empty: false,
            store_failures: false,
            event_time: None,
            sample: None,
            started: self
                .retried()
                .and_then(|retried| retried.started)
                .unwrap_or(self.started),
            warn_error: Arc::clone(&self.talk.warn_error),
        }
    }

    /// `var('as_of')`: what the command line says, else the newest arrival in the sources behind the selection.
    pub async fn as_of(
        &self,
        connected: &Connected,
        selected: &IndexSet<NodeId>,
    ) -> Result<Option<String>, Diagnostic> {
        if let Some(Json::String(given)) = self.vars.get(self.project_name(), "as_of") {
            return Ok(Some(given.clone()));
        }
        let mut sources: IndexMap<NodeId, &Node> = IndexMap::new();
        for id in selected {
            for node in self.graph.ancestors(id, None) {
                let timed = node.source_spec.as_ref().is_some_and(|s| s.loaded_at_field.is_some());
                if node.resource_type == ResourceType::Source && timed {
                    sources.insert(Arc::clone(&node.id), node);
                }
            }
        }
        // Nobody asks, so nobody pays.
        let asked = self.graph.nodes().any(|node| node.source.text.contains("as_of"))
            || self.engine.macros().any(|m| m.text.contains("as_of"));
        if sources.is_empty() || !asked {
            return Ok(None);
        }
        let connection = connected.pool.get().await?;
        let sources: Vec<&Node> = sources.into_values().collect();
        newest_arrival(&connection, &sources).await.map_err(|error| {
            error.diagnostic().help(
                "var('as_of') is the newest `loaded_at_field` of the sources; load them, or give --vars '{as_of: ...}'",
            )
        })
    }

    /// `selected` are the nodes of this run, for `selected_resources`.
    pub fn context(
        &self,
        connected: &Connected,
        flags: Flags,
        as_of: Option<String>,
        selected: &IndexSet<NodeId>,
    ) -> Arc<RunContext> {
        let mut globals = self.globals(&connected.target);
        let selected: Vec<&str> = selected.iter().map(|id| &**id).collect();
        globals.insert("selected_resources".into(), TemplateGlobal::from(json!(selected)));
        let flat = Arc::new(FlatGraph {
            graph: Arc::clone(&self.graph),
            groups: groups(&self.project),
            root: self.root.clone(),
            target_path: self.target_path.clone(),
            created_at: self.started.as_duration().as_secs_f64(),
            keys: OnceLock::new(),
        });
        let entries = Arc::clone(&flat) as Arc<dyn GraphEntries>;
        globals.insert("graph".into(), TemplateGlobal::Graph(GraphView::new(entries)));
        Arc::new(RunContext {
            graph: Arc::clone(&self.graph),
            engine: self.engine.clone(),
            vars: Arc::clone(&self.vars),
            pool: connected.pool.clone(),
            flags,
            gate: self.gate(),
            as_of,
            layout: self.layout(),
            base_globals: globals,
            flat,
            interrupt: Interrupt::default(),
            events: self.talk.events.clone(),
            made: Made::default(),
            quoted: self.project.own().settings.quoted(|_| None),
            query_comment: self.query_comment(&connected.target),
            deferral: OnceLock::new(),
            retried: self
                .retried()
                .map(|retried| retried.batches.clone())
                .unwrap_or_default(),
        })
    }

    fn globals(&self, target: &Target) -> IndexMap<String, TemplateGlobal> {
        let given = invocation_globals(&self.talk, &self.command, self.started);
        globals(&self.project, target, &given)
    }

    fn query_comment(&self, target: &Target) -> QueryComment {
        let (major, minor, patch) = DBT_VERSION;
        let written = self.project.own().settings.query_comment.as_ref();
        let version = format!("{major}.{minor}.{patch}");
        QueryComment::new(written, &version, &target.profile_name, &target.name)
    }

    fn layout(&self) -> Layout {
        Layout {
            root: self.root.clone(),
            target_path: self.target_path.clone(),
        }
    }

    pub fn invocation(&self) -> Invocation {
        Invocation {
            id: self.talk.invocation_id.clone(),
            started: self.started,
            project: self.project_name().to_owned(),
            root: self.root.clone(),
            target_path: self.target_path.clone(),
            command: self.command.clone(),
            args: self.talk.invoked.args(&self.command),
            env: Invocation::told_environment(),
        }
    }

    /// The manifest, with the SQL of the nodes that were compiled.
    pub fn manifest(&self, compiled: HashMap<NodeId, entry::Compiled>) -> Json {
        let mut contents = Contents::of(&self.graph);
        complete(&mut contents, &self.project, &self.engine);
        contents.selectors.clone_from(self.selectors.entries());
        contents.compiled = compiled;
        artifact::manifest(&contents, &self.invocation(), Timestamp::now())
    }

    /// Writes `manifest.json` of a project of which nothing is compiled, unless nothing is to be written; gives its path.
    pub fn write_manifest(&self) -> Result<Option<PathBuf>, Diagnostic> {
        self.write_manifest_with(HashMap::new())
    }

    fn write_manifest_with(&self, compiled: HashMap<NodeId, entry::Compiled>) -> Result<Option<PathBuf>, Diagnostic> {
        if !self.write_json {
            return Ok(None);
        }
        let manifest = self.manifest(compiled);
        let path = Path::new(&self.target_path).join("manifest.json");
        artifact::write_json(&self.root.join(&path), &manifest)?;
        let beside = self.root.join(&path).with_file_name("semantic_manifest.json");
        artifact::write_json(&beside, &artifact::semantic_manifest(&self.graph))?;
        Ok(Some(path))
    }

    pub fn write_artifacts(&self, result: &RunResult) -> Result<(), Diagnostic> {
        if self.write_manifest_with(result.compiled.clone())?.is_none() {
            return Ok(());
        }
        let results = artifact::run_results(result, &self.invocation(), Timestamp::now());
        let path = self.root.join(&self.target_path).join("run_results.json");
        artifact::write_json(&path, &results)
    }

    /// Writes the manifest, and how old the sources are: to `output`, below the root, or to `sources.json`.
    pub fn write_sources(&self, result: &RunResult, output: Option<&Path>) -> Result<(), Diagnostic> {
        self.write_manifest()?;
        let sources = artifact::sources(result, &self.invocation(), Timestamp::now());
        let default = Path::new(&self.target_path).join("sources.json");
        artifact::write_json(&self.root.join(output.unwrap_or(&default)), &sources)
    }

    /// Reads every selected seed, so that a bad row is told before anything is built. In a project that follows dbt's
    /// lenience a bad seed is that node's failure, as in dbt.
    pub fn check_seeds(&self, selected: &IndexSet<NodeId>) -> Result<(), Diagnostics> {
        let mut problems = Diagnostics::default();
        let seeds = selected.iter().filter_map(|id| self.graph.node(id));
        for node in seeds.filter(|node| node.resource_type == ResourceType::Seed && !self.is_lenient()) {
            let options = SeedOptions {
                delimiter: &node.config.delimiter,
                column_types: &node.config.column_types,
                lenient: false,
            };
            let shown = &node.source.path;
            if let Err(found) = Seed::read(&self.root.join(shown), shown, &options) {
                problems.0.extend(found.0);
            }
        }
        if problems.has_errors() { Err(problems) } else { Ok(()) }
    }

    /// A node for SQL that was typed on the command line. It may refer to everything.
    pub fn inline_node(&self, sql: &str) -> Arc<Node> {
        let pattern = self
            .graph
            .nodes()
            .find(|node| node.resource_type == ResourceType::Model && node.package == self.project_name())
            .or_else(|| self.graph.nodes().next());
        let source = SourceFile::new("--inline", sql);
        let mut node = pattern.map_or_else(
            || {
                let target = &self.target;
                let relation = Relation::new(Some(target.dbname.as_str()), target.schema.as_str(), "inline_query");
                bare_node(self.project_name(), "inline_query", relation, Arc::clone(&source))
            },
            |pattern| (**pattern).clone(),
        );
        node.id = Arc::from(format!("sql operation.{}.inline_query", self.project_name()));
        "inline_query".clone_into(&mut node.name);
        node.resource_type = ResourceType::Operation;
        node.depends_on = self.graph.nodes().map(|node| Arc::clone(&node.id)).collect();
        node.declared = crate::diagnostic::Place::new(&source, 0..0);
        node.source = source;
        Arc::new(node)
    }
}

/// The folder of the project: named, or the nearest above the working directory that holds a project file.
pub(super) fn find_root(global: &Global) -> Result<PathBuf, Diagnostic> {
    let named = global.project_dir.clone();
    let start = match &named {
        Some(path) => path.clone(),
        None => std::env::current_dir().map_err(|error| {
            Diagnostic::error("no-project", "the working directory cannot be read").because(error.to_string())
        })?,
    };
    let is_project = |path: &Path| path.join("project.yml").is_file() || path.join("dbt_project.yml").is_file();
    let found = if named.is_some() {
        Some(start.clone()).filter(|path| is_project(path))
    } else {
        start.ancestors().find(|path| is_project(path)).map(Path::to_path_buf)
    };
    let root = found.ok_or_else(|| {
        Diagnostic::error(
            "no-project",
            format!("there is no project.yml or dbt_project.yml in {}", start.display()),
        )
        .help("go to the project's folder, or name it with --project-dir")
    })?;
    root.canonicalize().map_err(|error| {
        Diagnostic::error("no-project", format!("{} cannot be read", root.display())).because(error.to_string())
    })
}

/// `--vars`.
pub(super) fn given_vars(global: &Global) -> Result<Map<String, Json>, Diagnostic> {
    let Some(text) = &global.vars else {
        return Ok(Map::new());
    };
    let wrong = |cause: String| {
        Diagnostic::error("invalid-argument", "`--vars` is not a YAML mapping")
            .because(cause)
            .help("write it like this: --vars '{name: value, other: 2}'")
    };
    match serde_yaml::from_str::<Json>(text) {
        Ok(Json::Object(vars)) => Ok(vars),
        Ok(Json::Null) => Ok(Map::new()),
        Ok(_) => Err(wrong("it is YAML, but no mapping".to_owned())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

pub(super) fn local_options(global: &Global) -> Options {
    options(global.no_download)
}

fn options(no_download: bool) -> Options {
    let mut options = Options::of(Environment::of_process());
    options.download &= !no_download;
    options
}

/// The secret of a project's local server, made once and readable by its owner only.
fn kept_secret(root: &Path) -> Result<String, Diagnostic> {
    use std::io::Write as _;
    let path = root.join(".assay").join("pseudonym_secret");
    let unwritable = |error: std::io::Error| {
        Diagnostic::error("file-not-written", "cannot keep the pseudonym secret in .assay/").because(error.to_string())
    };
    if let Ok(secret) = std::fs::read_to_string(&path)
        && !secret.trim().is_empty()
    {
        return Ok(secret.trim().to_owned());
    }
    std::fs::create_dir_all(root.join(".assay")).map_err(unwritable)?;
    let secret = uuid::Uuid::new_v4().simple().to_string();
    // Written whole before it gets its name: another command may look for it at the same moment.
    let mut file = tempfile::NamedTempFile::new_in(root.join(".assay")).map_err(unwritable)?;
    file.write_all(secret.as_bytes()).map_err(unwritable)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(secret),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => std::fs::read_to_string(&path)
            .map(|s| s.trim().to_owned())
            .map_err(unwritable),
        Err(error) => Err(unwritable(error.error)),
    }
}

/// Project and target of a command that needs no graph.
pub(super) fn target_only(global: &Global, talk: &Talk) -> Result<(PathBuf, Target), Diagnostics> {
    let root = find_root(global)?;
    let given = given_vars(global)?;
    let (_, resolved) = super::load::target(&Wanted {
        root: &root,
        profile: global.profile.as_deref(),
        target: global.target.as_deref(),
        profiles_dir: global.profiles_dir.as_deref(),
        checks_version: !global.no_version_check,
        vars: &given,
        globals: &IndexMap::new(),
        voice: &Voice::silent(),
    })?;
    talk.warn(Diagnostics(resolved.warnings))?;
    Ok((root, resolved.target))
}

/// What every template is told of this call of the program.
fn invocation_globals(talk: &Talk, command: &str, started: Timestamp) -> IndexMap<String, TemplateGlobal> {
    let data = |map: Map<String, Json>| TemplateGlobal::from(Json::Object(map));
    IndexMap::from([
        (
            "invocation_id".to_owned(),
            TemplateGlobal::from(talk.invocation_id.as_str()),
        ),
        ("run_started_at".to_owned(), TemplateGlobal::from(started)),
        ("flags".to_owned(), data(talk.invoked.flags(command))),
        ("invocation_args_dict".to_owned(), data(talk.invoked.args(command))),
        ("dbt_metadata_envs".to_owned(), data(Invocation::told_environment())),
    ])
}

/// How many there are of what, for people.
fn counts(graph: &Graph) -> Vec<(usize, String)> {
    let kinds = [
        (ResourceType::Model, "model"),
        (ResourceType::Snapshot, "snapshot"),
        (ResourceType::Analysis, "analysis"),
        (ResourceType::Test, "data test"),
        (ResourceType::Seed, "seed"),
        (ResourceType::Operation, "operation"),
        (ResourceType::Source, "source"),
        (ResourceType::Exposure, "exposure"),
        (ResourceType::Metric, "metric"),
        (ResourceType::SemanticModel, "semantic model"),
        (ResourceType::SavedQuery, "saved query"),
        (ResourceType::UnitTest, "unit test"),
        (ResourceType::Function, "function"),
    ];
    kinds
        .into_iter()
        .map(|(kind, name)| {
            let count = graph.nodes().filter(|node| node.resource_type == kind).count();
            (count, name.to_owned())
        })
        .filter(|(count, _)| *count > 0)
        .collect()
}
