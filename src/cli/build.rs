//! `build`, `run`, `test`, `seed`: a selection into a plan, the plan into results.

use std::sync::Arc;
use std::time::Duration;

use indexmap::{IndexMap, IndexSet};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gate::RunRecord;
use crate::graph::select::kinds;
use crate::graph::{NodeId, ResourceType};
use crate::plan::{Plan, parted_sets};
use crate::postgres::PooledConnection;
use crate::run::{
    self, Event, GateSession, HookKind, HooksEnd, Level, NodeResult, RunContext, RunResult, create_schemas,
    end_context, run_project_hooks,
};

use super::arguments::{AuditScope, Global, RunArguments, SeedArguments};
use super::builders::Macros;
use super::connect::{Connected, connect, watch_signals};
use super::facts::{Asked, facts};
use super::leftovers::drop_left;
use super::select::select;
use super::state::defer;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Build,
    Run,
    Test,
    Seed,
    Snapshot,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Run => "run",
            Self::Test => "test",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
        }
    }

    fn resource_types(self) -> &'static [ResourceType] {
        match self {
            Self::Build => &kinds::BUILD,
            Self::Run => &kinds::RUN,
            Self::Test => &kinds::TEST,
            Self::Seed => &kinds::SEED,
            Self::Snapshot => &kinds::SNAPSHOT,
        }
    }
}

pub(super) async fn seed(global: &Global, talk: &Talk, arguments: &SeedArguments) -> Outcome {
    if arguments.show {
        return Err(Diagnostic::error("not-supported", "`seed --show` is not supported yet")
            .help("look at a seed with: assay show --select NAME")
            .into());
    }
    build(global, talk, Kind::Seed, &arguments.run).await
}

pub(super) async fn build(global: &Global, talk: &Talk, kind: Kind, arguments: &RunArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, kind.name())?;
    let running = &arguments.running;
    running.check(kind.name())?;
    let selected = select(
        &workspace,
        kind.name(),
        &arguments.selection,
        kind.resource_types(),
        running.allow_empty,
    )?
    .nodes;
    if selected.is_empty() {
        talk.nothing_to_do()?;
        workspace.write_artifacts(&RunResult::nothing(workspace.started()))?;
        return Ok(Status::Success);
    }
    let macros = workspace.builders(&selected)?;
    workspace.check_seeds(&selected)?;
    let connected = connect(&workspace, running.threads).await?;
    let outcome = connected_build(&workspace, &connected, kind, arguments, &selected, macros).await;
    let left = connected.leave(outcome.is_ok()).await;
    let status = outcome?;
    left?;
    Ok(status)
}

async fn connected_build(
    workspace: &Workspace,
    connected: &Connected,
    kind: Kind,
    arguments: &RunArguments,
    selected: &IndexSet<NodeId>,
    macros: Macros,
) -> Outcome {
    let running = &arguments.running;
    connected.practice_data(workspace, selected).await?;
    let as_of = workspace.as_of(connected, selected).await?;
    let mut flags = workspace.flags(kind.name(), connected.threads);
    flags.full_refresh = running.full_refresh;
    flags.audit_full = running.audit == Some(AuditScope::Full);
    flags.empty = running.empty && kind != Kind::Test;
    flags.store_failures = running.store_failures;
    flags.event_time = running.event_time_start.zip(running.event_time_end);
    let sample = running.sample.filter(|_| matches!(kind, Kind::Build | Kind::Run));
    flags.sample = sample.map(|sample| sample.window(workspace.started()));
    let context = workspace.context(connected, flags, as_of.clone(), selected);
    defer(workspace, &context, selected).await?;
    let builds = kind != Kind::Test;
    let mut session = None;
    if let Some(gate) = context
        .gate
        .as_ref()
        .filter(|_| builds && touches_gate(workspace, selected))
    {
        if sample.is_some() {
            return Err(partial("--sample").into());
        }
        if running.empty {
            return Err(partial("--empty").into());
        }
        let record = RunRecord {
            run_id: workspace.talk.invocation_id.clone(),
            project: workspace.project_name().to_owned(),
            target: connected.target.name.clone(),
            command: format!("assay {}", kind.name()),
            as_of,
            host: host_name(),
            pid: std::process::id(),
        };
        let lock = connected.extra_connection().await?;
        let mut waiting = |holder: &crate::gate::Holder| {
            workspace
                .talk
                .say(Level::Info, &format!("Waiting for another run: {holder}"));
        };
        let patience = Duration::from_secs(running.lock_wait);
        let (mut begun, opened) = GateSession::open(lock, gate, &record, patience, &mut waiting).await?;
        if !opened.collected.dropped.is_empty() {
            let text = format!(
                "Dropped what an earlier run left: {}",
                opened.collected.dropped.join(", ")
            );
            workspace.talk.say(Level::Info, &text);
        }
        for (relation, reader) in &opened.collected.kept {
            let text = format!("What an earlier run left is kept as {relation}: {reader}");
            workspace.talk.say(Level::Warn, &text);
        }
        for text in &opened.said {
            workspace.talk.say(Level::Info, text);
        }
        for warning in opened.warnings {
            workspace.talk.tell(warning);
        }
        begun.guard(&context.interrupt, &context.events);
        session = Some(begun);
    }
    let asked = Asked {
        tests_block: kind == Kind::Build,
        gated: session.is_some(),
        full_refresh: running.full_refresh,
    };
    let prepared = prepare(workspace, &context, asked, selected, macros).await;
    let (connection, plan) = match prepared {
        Ok(prepared) => prepared,
        Err(problems) => {
            if let Some(session) = session {
                session.abandon().await;
            }
            return Err(problems);
        }
    };
    let watch = watch_signals(&context.interrupt);
    workspace.talk.events.tell(Event::Started {
        nodes: plan.steps.len(),
        threads: connected.threads,
        target: connected.target.name.clone(),
    });
    let mut start = run_project_hooks(&context, &connection, HookKind::Start, IndexMap::new()).await;
    drop(connection);
    if session.is_some() {
        measure(&context, &plan, &mut start).await;
    }
    let go_on = start.broken.is_none() && !context.interrupt.is_raised();
    let result = if go_on && (start.is_success() || !workspace.skips_after_failed_hook()) {
        run::run(&context, plan).await
    } else {
        run::skip_all(&context, &plan)
    };
    let outcome = finish(workspace, connected, &context, session, start, result).await;
    // Not before: once a signal is watched, nothing else stops the process on it.
    watch.abort();
    outcome
}

/// How fresh the sources are, for the certificates. What stands in the way is told like a hook that broke the run off.
async fn measure(context: &Arc<RunContext>, plan: &Plan, start: &mut HooksEnd) {
    if start.broken.is_none()
        && let Err(broken) = run::measure_sources(context, plan).await
    {
        start.broken = Some(broken);
    }
}

fn partial(option: &str) -> Diagnostic {
    Diagnostic::error("not-supported", format!("{option} would publish a part of the rows"))
        .because("the selection builds published models, and readers take what is published to be complete")
        .help("select models that are not published, or build a target without `gate:`")
}

/// The plan, the schemas that it builds in, and the connection for what comes before its nodes.
async fn prepare(
    workspace: &Workspace,
    context: &Arc<RunContext>,
    asked: Asked,
    selected: &IndexSet<NodeId>,
    macros: Macros,
) -> Result<(Arc<PooledConnection>, Plan), Diagnostics> {
    let connection = Arc::new(context.pool.get().await?);
    let mut facts = facts(workspace, context, &connection, asked, selected).await?;
    drop_left(workspace, &connection, selected, &mut facts).await;
    facts.macros = macros;
    facts.unbatched = workspace.unbatched(selected);
    let plan = Plan::new(&workspace.graph, selected, &facts);
    let parted = parted_sets(&workspace.graph, &plan);
    if parted.has_errors() {
        return Err(parted);
    }
    create_schemas(&connection, &plan, &context.flags).await?;
    Ok((connection, plan))
}

async fn finish(
    workspace: &Workspace,
    connected: &Connected,
    context: &Arc<RunContext>,
    session: Option<GateSession>,
    start: HooksEnd,
    mut result: RunResult,
) -> Outcome {
    let mut problems = Diagnostics::default();
    let seen = end_context(context, &start, &result);
    result.results.splice(0..0, start.results);
    // Readers already see what was published, so what goes wrong from here on is told beside the results.
    let mut broken = start.broken;
    let ended = async {
        if !result.interrupted && broken.is_none() {
            let connection = Arc::new(context.pool.get().await?);
            let end = run_project_hooks(context, &connection, HookKind::End, seen).await;
            result.results.extend(end.results);
            result.interrupted = context.interrupt.is_raised();
            broken = end.broken;
        }
        let connection = Arc::new(context.pool.get().await?);
        if let Some(session) = session {
            let closed = session.close(&connection, &result, &context.spent()).await?;
            for text in &closed.said {
                workspace.talk.say(Level::Info, text);
            }
            for (version, reader) in closed.collected.kept {
                let text = format!("The old version {version} is kept: {reader}");
                workspace.talk.say(Level::Info, &text);
            }
        }
        connected.flush(&connection).await
    };
    let ended = ended.await;
    let refused = broken.is_some();
    for diagnostic in [broken, ended.err()].into_iter().flatten() {
        problems.push(diagnostic);
    }
    if let Err(diagnostic) = workspace.write_artifacts(&result) {
        problems.push(diagnostic);
    }
    let lost = |result: &NodeResult| {
        let code = result.diagnostic.as_ref().map(|diagnostic| diagnostic.code);
        matches!(
            code,
            Some("connection-lost" | "server-unreachable" | "publication-unknown")
        )
    };
    let status = if refused || result.interrupted || result.results.iter().any(lost) {
        // A hook that cannot be rendered; or nothing is wrong with the project, and somebody stopped the run, or there was
        // no server any more.
        Status::Refused
    } else if result.is_success() && problems.0.is_empty() && !context.has_raised() {
        Status::Success
    } else {
        Status::Failed
    };
    for problem in problems.0 {
        workspace.talk.tell(problem);
    }
    let published = !result.published.is_empty();
    workspace.talk.events.tell(Event::Finished(Arc::new(result)));
    if published {
        connected.say_where_to_look(workspace);
    }
    Ok(status)
}

/// Whether the selection builds anything that the gate guards.
pub(super) fn touches_gate(workspace: &Workspace, selected: &IndexSet<NodeId>) -> bool {
    selected
        .iter()
        .filter_map(|id| workspace.graph.node(id))
        .any(|node| !matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest))
}

pub(super) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map_or_else(|| "this machine".to_owned(), |name| name.trim().to_owned())
}
