//! The server that a command works on: the configured one, or the project's own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexSet;
use tokio::task::JoinHandle;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gate::LEDGER_FORMAT;
use crate::graph::{NodeId, ResourceType};
use crate::postgres::local::{self, LocalServer, Options};
use crate::postgres::{Connection, Pool, Session};
use crate::project::profile::{Target, TargetKind};
use crate::run::{Interrupt, Level};

use super::arguments::{DbAction, DbArguments, Global};
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status, db, generate};

/// A pool of connections, and the local server where it is that.
pub(super) struct Connected {
    pub target: Target,
    pub pool: Pool,
    pub session: Session,
    pub threads: usize,
    server: Option<LocalServer>,
}

/// Opens no connection yet, but starts the local server where that is the target.
pub(super) async fn connect(workspace: &Workspace, threads: Option<usize>) -> Result<Connected, Diagnostics> {
    let target = workspace.target.clone();
    let session = workspace.session(&target)?;
    let options = workspace.local_options();
    let threads = if workspace.single_threaded { Some(1) } else { threads };
    connect_to(&workspace.root, target, session, threads, &options, &workspace.talk).await
}

/// The same with one connection on which nothing can be written.
pub(super) async fn connect_to_look(workspace: &Workspace) -> Result<Connected, Diagnostics> {
    let target = workspace.target.clone();
    let mut session = workspace.session(&target)?;
    let read_only = "default_transaction_read_only".to_owned();
    session.settings.insert(read_only, "on".to_owned());
    let options = workspace.local_options();
    connect_to(&workspace.root, target, session, Some(1), &options, &workspace.talk).await
}

/// The same without a project.
pub(super) async fn connect_to(
    root: &Path,
    mut target: Target,
    session: Session,
    threads: Option<usize>,
    options: &Options,
    talk: &Talk,
) -> Result<Connected, Diagnostics> {
    let threads = threads.unwrap_or(target.threads).max(1);
    let mut server = None;
    if target.kind == TargetKind::Local {
        let say = |line: &str| talk.say(Level::Info, line);
        let started = LocalServer::ensure(root, options, &say).await?;
        started.fill(&mut target);
        server = Some(started);
    }
    let pool = Pool::new(target.clone(), session.clone(), threads);
    let events = talk.events.clone();
    pool.tell(move |text| events.message(Level::Warn, text));
    Ok(Connected {
        target,
        pool,
        session,
        threads,
        server,
    })
}

impl Connected {
    /// A connection beside the pool, for what must be held while the pool is at work.
    pub async fn extra_connection(&self) -> Result<Connection, Diagnostic> {
        Connection::open(&self.target, &self.session).await
    }

    /// On the local server, makes everything before it durable.
    pub async fn flush(&self, connection: &Connection) -> Result<(), Diagnostic> {
        if self.server.is_some() {
            local::flush(connection).await.map_err(|error| error.diagnostic())?;
        }
        Ok(())
    }

    /// Lets go of the local server, so that whoever is last can stop it.
    pub async fn leave(self, well: bool) -> Result<(), Diagnostic> {
        let Some(server) = self.server else { return Ok(()) };
        drop(self.pool);
        match server.leave().await {
            // The first problem is the one to tell.
            Err(_) if !well => Ok(()),
            left => left,
        }
    }

    /// On the local server, a project that says so gets raw data to practise on, once.
    pub async fn practice_data(&self, workspace: &Workspace, selected: &IndexSet<NodeId>) -> Result<(), Diagnostics> {
        let Some(practice) = workspace.practice() else {
            return Ok(());
        };
        if self.server.is_none() || !reads_sources(workspace, selected) {
            return Ok(());
        }
        let connection = self.pool.get().await?;
        let missing = generate::missing(&connection)
            .await
            .map_err(|error| error.diagnostic())?;
        drop(connection);
        if missing.is_empty() {
            return Ok(());
        }
        workspace.talk.say(
            Level::Info,
            &format!(
                "No raw data on the local server yet: generating the {} tier (seed {}) into {}",
                practice.tier,
                practice.seed,
                missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
        );
        generate::practise(self, practice, &missing, &workspace.talk).await?;
        Ok(())
    }

    pub fn say_where_to_look(&self, workspace: &Workspace) {
        let Some(gate) = workspace.gate() else { return };
        let look = format!("select * from {}.published_models", gate.ledger.schema);
        let text = if self.server.is_some() {
            format!("Look at them:  {} db psql -- -c '{look}'", program())
        } else {
            format!("Look at them:  {look};")
        };
        workspace.talk.say(Level::Info, &text);
    }
}

/// The first Ctrl-C (or SIGTERM) stops the run and its statements on the server; a second one ends the process.
pub(super) fn watch_signals(interrupt: &Interrupt) -> JoinHandle<()> {
    let interrupt = interrupt.clone();
    tokio::spawn(async move {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        for round in 0..2 {
            let terminated = async {
                match &mut term {
                    Some(term) => term.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated => {}
            }
            if round == 0 {
                interrupt.raise();
            } else {
                std::process::exit(130);
            }
        }
    })
}

/// How this program was called, so that what is printed can be typed.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "assay".to_owned())
}

fn reads_sources(workspace: &Workspace, selected: &IndexSet<NodeId>) -> bool {
    selected.iter().any(|id| {
        let parents = workspace.graph.ancestors(id, None);
        let mut read = parents.into_iter().chain(workspace.graph.node(id));
        read.any(|node| node.resource_type == ResourceType::Source)
    })
}

/// `assay db ...`
pub(super) async fn db(global: &Global, talk: &Talk, arguments: &DbArguments) -> Outcome {
    let (root, target) = super::workspace::target_only(global, talk)?;
    let action = match &arguments.action {
        DbAction::Start => db::Action::Start,
        DbAction::Stop { force } => db::Action::Stop { force: *force },
        DbAction::Status => db::Action::Status,
        DbAction::Psql { arguments } => db::Action::Psql(arguments.clone()),
        DbAction::Url => db::Action::Url,
    };
    let say = |line: &str| talk.say(Level::Info, line);
    let options = super::workspace::local_options(global);
    let code = db::run(&root, &target, action, &options, &mut std::io::stdout(), &say).await?;
    Ok(match code {
        0 => Status::Success,
        1 => Status::Failed,
        _ => Status::Refused,
    })
}

pub(super) async fn watch(directory: &Path, idle: u64) -> Outcome {
    local::watch(directory, Duration::from_secs(idle)).await?;
    Ok(Status::Success)
}

/// The tables of the project's gate and its ledger, for commands that only look at them.
pub(super) fn gate_of(workspace: &Workspace) -> Result<Arc<crate::run::Gate>, Diagnostic> {
    workspace.gate().map(Arc::new).ok_or_else(|| {
        Diagnostic::error(
            "no-gate",
            "this project has no gate, so nothing is published and nothing is kept",
        )
        .help("add `gate: {schema: ..., readers: [...]}` to project.yml; docs/gate.md explains it")
    })
}

/// Whether there is a ledger to look at. One of an older format is refused, since only what takes the run lock may change it.
pub(super) async fn ledger_is_there(gate: &crate::run::Gate, connection: &Connection) -> Result<bool, Diagnostic> {
    match gate.ledger.format(connection).await {
        Ok(None) => Ok(false),
        Ok(Some(format)) if format < LEDGER_FORMAT => Err(Diagnostic::error(
            "older-ledger",
            format!(
                "the ledger in the schema `assay` is of format {format}, and this Assay reads format {LEDGER_FORMAT}"
            ),
        )
        .because("an older Assay made it, and a command that only looks changes nothing")
        .help("`assay build` and `assay gc` bring it up to date; nothing in it is lost")),
        Ok(Some(_)) => Ok(true),
        Err(error) => Err(error.diagnostic()),
    }
}
