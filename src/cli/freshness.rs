//! `source freshness`: how old the sources are.

use indexmap::{IndexMap, IndexSet};

use crate::diagnostic::Diagnostic;
use crate::graph::NodeId;
use crate::graph::select::kinds;
use crate::plan::Plan;
use crate::run::{self, Event, HookKind, HooksEnd, RunResult, end_context, run_project_hooks};

use super::arguments::{FreshnessArguments, Global};
use super::connect::{Connected, connect, watch_signals};
use super::select::select;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

/// As dbt names the command.
const COMMAND: &str = "freshness";

pub(super) async fn freshness(global: &Global, talk: &Talk, arguments: &FreshnessArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, COMMAND)?;
    let found = select(
        &workspace,
        "source freshness",
        &arguments.selection,
        &kinds::FRESHNESS,
        arguments.allow_empty,
    )?;
    let mut selected = found.nodes;
    let asked = !selected.is_empty();
    selected.retain(|id| {
        let spec = workspace.graph.node(id).and_then(|node| node.source_spec.as_ref());
        spec.is_some_and(crate::graph::SourceSpec::has_freshness)
    });
    let output = arguments.output.as_deref();
    if selected.is_empty() {
        if asked && !arguments.allow_empty && !workspace.is_lenient() {
            return Err(
                Diagnostic::error("nothing-selected", "no source that is selected has a limit for its age")
                    .help("give one: freshness: {warn_after: {count: 12, period: hour}}")
                    .into(),
            );
        }
        talk.nothing_to_do()?;
        workspace.write_sources(&RunResult::nothing(workspace.started()), output)?;
        return Ok(Status::Success);
    }
    let connected = connect(&workspace, arguments.threads).await?;
    let outcome = look(&workspace, &connected, arguments, &selected).await;
    let left = connected.leave(outcome.is_ok()).await;
    let status = outcome?;
    left?;
    Ok(status)
}

async fn look(
    workspace: &Workspace,
    connected: &Connected,
    arguments: &FreshnessArguments,
    selected: &IndexSet<NodeId>,
) -> Outcome {
    connected.practice_data(workspace, selected).await?;
    let as_of = workspace.as_of(connected, selected).await?;
    let mut flags = workspace.flags(COMMAND, connected.threads);
    flags.fail_fast = arguments.fail_fast;
    let context = workspace.context(connected, flags, as_of, selected);
    let plan = Plan::freshness(&workspace.graph, selected);
    let watch = watch_signals(&context.interrupt);
    workspace.talk.events.tell(Event::Started {
        nodes: plan.steps.len(),
        threads: connected.threads,
        target: connected.target.name.clone(),
    });
    let hooks = workspace.hooks_around_freshness();
    let start = if hooks {
        let connection = std::sync::Arc::new(context.pool.get().await?);
        run_project_hooks(&context, &connection, HookKind::Start, IndexMap::new()).await
    } else {
        HooksEnd::default()
    };
    let go_on = start.broken.is_none() && !context.interrupt.is_raised();
    let mut result = if go_on && (start.is_success() || !workspace.skips_after_failed_hook()) {
        run::run(&context, plan).await
    } else {
        run::skip_all(&context, &plan)
    };
    let seen = end_context(&context, &start, &result);
    result.results.splice(0..0, start.results);
    let mut broken = start.broken;
    if hooks && !result.interrupted && broken.is_none() {
        let connection = std::sync::Arc::new(context.pool.get().await?);
        let end = run_project_hooks(&context, &connection, HookKind::End, seen).await;
        result.results.extend(end.results);
        result.interrupted = context.interrupt.is_raised();
        broken = end.broken;
    }
    // Not before: once a signal is watched, nothing else stops the process on it.
    watch.abort();
    workspace.write_sources(&result, arguments.output.as_deref())?;
    let status = status_of(&result, broken.is_some());
    if let Some(diagnostic) = broken {
        workspace.talk.tell(diagnostic);
    }
    workspace.talk.events.tell(Event::Finished(std::sync::Arc::new(result)));
    Ok(status)
}

fn status_of(result: &RunResult, broken: bool) -> Status {
    let lost = |diagnostic: &Diagnostic| matches!(diagnostic.code, "connection-lost" | "server-unreachable");
    let mut problems = result.results.iter().filter_map(|result| result.diagnostic.as_ref());
    if broken || result.interrupted || problems.any(lost) {
        Status::Refused
    } else if result.is_success() {
        Status::Success
    } else {
        Status::Failed
    }
}
