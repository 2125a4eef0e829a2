//! `rollback`: other versions for readers.

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::gate::{self, Back, GoingBack, Holder, PublishError, RunLock, RunRecord};
use crate::postgres::SqlError;
use crate::run::{Level, prepare_ledger, publish_diagnostic, unknown};

use super::arguments::{Global, RollbackArguments};
use super::connect::{Connected, connect, gate_of, ledger_is_there};
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

pub(super) async fn rollback(global: &Global, talk: &Talk, arguments: &RollbackArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "rollback")?;
    let back = back(&workspace, arguments)?;
    let connected = connect(&workspace, Some(1)).await?;
    let outcome = if arguments.dry_run {
        look(&workspace, &connected, &back).await
    } else {
        go_back(&workspace, &connected, &back, arguments.lock_wait).await
    };
    connected.leave(outcome.is_ok()).await?;
    for model in outcome? {
        let told = if arguments.dry_run {
            format!(
                "{}: readers would see {} again (now {})",
                model.model, model.to, model.from
            )
        } else {
            format!("{}: readers see {} again (was {})", model.model, model.to, model.from)
        };
        talk.say(Level::Info, &told);
    }
    Ok(Status::Success)
}

/// What was asked for, with published names in the place of models' names.
fn back(workspace: &Workspace, arguments: &RollbackArguments) -> Result<Back, Diagnostic> {
    if arguments.only && arguments.models.is_empty() {
        return Err(
            Diagnostic::error("bad-option", "`--only` means nothing without the names of models")
                .help("name the models that are to go back by themselves"),
        );
    }
    let published = |typed: &String| {
        let mut nodes = workspace.graph.nodes().filter(|node| node.is_published());
        let named = nodes.find(|node| node.name == *typed);
        named.map_or_else(|| typed.clone(), |node| node.relation.identifier.clone())
    };
    Ok(Back {
        models: arguments.models.iter().map(published).collect(),
        to: arguments.to.clone(),
        only: arguments.only,
    })
}

/// The way back, and no step of it.
async fn look(workspace: &Workspace, connected: &Connected, back: &Back) -> Result<Vec<GoingBack>, Diagnostic> {
    let gate = gate_of(workspace)?;
    let connection = connected.extra_connection().await?;
    if !ledger_is_there(&gate, &connection).await? {
        return Err(Diagnostic::error(
            "nothing-to-roll-back",
            "nothing was published here yet",
        ));
    }
    gate::way_back(&connection, &gate.ledger, back).await
}

async fn go_back(
    workspace: &Workspace,
    connected: &Connected,
    back: &Back,
    patience: u64,
) -> Result<Vec<GoingBack>, Diagnostic> {
    let gate = gate_of(workspace)?;
    let lock = locked(workspace, connected, "assay rollback", patience).await?;
    let run_id = &workspace.talk.invocation_id;
    let ledger = &gate.ledger;
    // Another connection says what became of a commit that nobody answered, and ends the run in the ledger.
    let mut other = None;
    let done = match gate::way_back(lock.connection(), ledger, back).await {
        Err(diagnostic) => Err(diagnostic),
        Ok(way) => match gate::roll_back(lock.connection(), ledger, run_id, &gate.readers, &way).await {
            Ok(()) => Ok(way),
            Err(PublishError::Sql(lost)) if lost.lost => {
                let names: Vec<&str> = way.iter().map(|one| one.model.as_str()).collect();
                let asked = async {
                    let connection = connected.extra_connection().await?;
                    let there = gate::went_back(&connection, ledger, &way).await;
                    Ok((connection, there.map_err(|error| error.diagnostic())?))
                };
                match asked.await {
                    Ok((connection, there)) => {
                        other = Some(connection);
                        told_by_ledger(workspace, &names, &lost, there).map(|()| way)
                    }
                    Err(second) => return Err(unknown(&names.join(", "), &lost, &second)),
                }
            }
            Err(error) => Err(publish_diagnostic(&error)),
        },
    };
    let status = if done.is_ok() { "success" } else { "error" };
    let connection = other.as_ref().unwrap_or_else(|| lock.connection());
    let ended = ledger.end_run(connection, run_id, status).await;
    let done = done?;
    ended.map_err(|error| error.diagnostic())?;
    connected.flush(connection).await?;
    Ok(done)
}

/// The server's answer was lost with the connection: what the ledger says counts.
fn told_by_ledger(workspace: &Workspace, names: &[&str], lost: &SqlError, there: bool) -> Result<(), Diagnostic> {
    if there {
        let told = format!(
            "{}: {}; the ledger says that it is done",
            names.join(", "),
            lost.message
        );
        workspace.talk.say(Level::Warn, &told);
        return Ok(());
    }
    let diagnostic = lost.diagnostic();
    let cause = diagnostic.cause.clone().unwrap_or_default();
    Err(diagnostic
        .because(format!("{cause}\nthe ledger says that nothing of it was done").trim())
        .help("run the command again"))
}

/// The run lock, with the command on record in the ledger.
pub(super) async fn locked(
    workspace: &Workspace,
    connected: &Connected,
    command: &str,
    patience: u64,
) -> Result<RunLock, Diagnostic> {
    let gate = gate_of(workspace)?;
    let record = RunRecord {
        run_id: workspace.talk.invocation_id.clone(),
        project: workspace.project_name().to_owned(),
        target: connected.target.name.clone(),
        command: command.to_owned(),
        as_of: None,
        host: super::build::host_name(),
        pid: std::process::id(),
    };
    let connection = connected.extra_connection().await?;
    prepare_ledger(&connection, &gate).await?;
    let mut waiting = |holder: &Holder| {
        workspace
            .talk
            .say(Level::Info, &format!("Waiting for another run: {holder}"));
    };
    let patience = Duration::from_secs(patience);
    let lock = RunLock::take(connection, &gate.ledger.schema, &record, patience, &mut waiting)
        .await
        .map_err(|error| error.diagnostic())?
        .map_err(|holder| crate::run::lock_refusal(&gate, &holder))?;
    let begun = gate.ledger.begin_run(lock.connection(), &record).await;
    begun.map_err(|error| error.diagnostic())?;
    Ok(lock)
}
