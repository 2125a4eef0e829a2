//! `rollback` and `gc`: other versions for readers, and fewer of them.

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::gate::{self, Holder, RunLock, RunRecord};
use crate::run::{Level, prepare_ledger, publish_diagnostic, retire_orphans};

use super::arguments::{Global, RollbackArguments};
use super::connect::{Connected, connect, gate_of};
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

pub(super) async fn rollback(global: &Global, talk: &Talk, arguments: &RollbackArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "rollback")?;
    let gate = gate_of(&workspace)?;
    let connected = connect(&workspace, Some(1)).await?;
    let work = async {
        let lock = locked(&workspace, &connected, "assay rollback", arguments.lock_wait).await?;
        let run_id = &workspace.talk.invocation_id;
        let done = gate::rollback(
            lock.connection(),
            &gate.ledger,
            run_id,
            &gate.readers,
            &arguments.models,
        )
        .await
        .map_err(|error| publish_diagnostic(&error));
        let status = if done.is_ok() { "success" } else { "error" };
        let ended = gate.ledger.end_run(lock.connection(), run_id, status).await;
        ended.map_err(|error| error.diagnostic())?;
        connected.flush(lock.connection()).await?;
        done
    };
    let outcome = work.await;
    connected.leave(outcome.is_ok()).await?;
    let done = outcome?;
    if done.is_empty() {
        return Err(Diagnostic::error(
            "nothing-to-roll-back",
            "there is no earlier certified version to go back to",
        )
        .help("`assay history` shows what was published; `gate.keep` in project.yml says how many versions are kept")
        .into());
    }
    for model in done {
        talk.say(
            Level::Info,
            &format!("{}: readers see {} again (was {})", model.model, model.to, model.from),
        );
    }
    Ok(Status::Success)
}

pub(super) async fn gc(global: &Global, talk: &Talk) -> Outcome {
    let workspace = Workspace::load(global, talk, "gc")?;
    let gate = gate_of(&workspace)?;
    let connected = connect(&workspace, Some(1)).await?;
    let work = async {
        let lock = locked(&workspace, &connected, "assay gc", 0).await?;
        let collected = async {
            let mut collected = gate::drop_leftovers(lock.connection(), &gate.ledger).await?;
            let (ledger, names, run_id) = (&gate.ledger, gate.names(), &workspace.talk.invocation_id);
            let due = |orphan: &gate::Orphan| orphan.is_live || !gate.keep_removed;
            let project = workspace.project_name();
            let gone = retire_orphans(lock.connection(), ledger, run_id, project, &names, due).await?;
            let old = gate::collect(lock.connection(), &gate.ledger, gate.keep).await?;
            collected.dropped.extend(old.dropped);
            collected.kept.extend(old.kept);
            gate.ledger
                .end_run(lock.connection(), &workspace.talk.invocation_id, "success")
                .await?;
            Ok::<_, crate::postgres::SqlError>((collected, gone))
        };
        collected.await.map_err(|error| error.diagnostic())
    };
    let outcome = work.await;
    connected.leave(outcome.is_ok()).await?;
    let (collected, (retired, stuck)) = outcome?;
    for line in &retired {
        talk.say(Level::Info, line);
    }
    for (model, reason) in &stuck {
        talk.say(Level::Info, &format!("{model} stays published: {reason}"));
    }
    for version in &collected.dropped {
        talk.say(Level::Info, &format!("dropped {version}"));
    }
    for (version, reader) in &collected.kept {
        talk.say(Level::Info, &format!("kept {version}: {reader}"));
    }
    talk.say(
        Level::Info,
        &format!("{} dropped, {} kept", collected.dropped.len(), collected.kept.len()),
    );
    Ok(Status::Success)
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
