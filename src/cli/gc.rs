//! `gc`: fewer versions.

use crate::gate::{self, Orphan};
use crate::postgres::{Connection, SqlError};
use crate::report::{self, Collection};
use crate::run::{Gate, retire_orphans};

use super::arguments::{Age, GcArguments, Global, ShowOutput};
use super::connect::{connect, connect_to_look, gate_of};
use super::ls::{closed_pipe, unwritable};
use super::rollback::locked;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

pub(super) async fn gc(global: &Global, talk: &Talk, arguments: &GcArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "gc")?;
    let gate = gate_of(&workspace)?;
    let connected = if arguments.dry_run {
        connect_to_look(&workspace).await?
    } else {
        connect(&workspace, Some(1)).await?
    };
    let work = async {
        if arguments.dry_run {
            let connection = connected.pool.get().await?;
            let found = look(&workspace, &gate, &connection, arguments.ledger_older_than).await;
            return found.map_err(|error| error.diagnostic());
        }
        let lock = locked(&workspace, &connected, "assay gc", arguments.lock_wait).await?;
        let collected = collect(&workspace, &gate, lock.connection(), arguments.ledger_older_than).await;
        let status = if collected.is_ok() { "success" } else { "error" };
        let ended = gate
            .ledger
            .end_run(lock.connection(), &workspace.talk.invocation_id, status)
            .await;
        let collected = collected.map_err(|error| error.diagnostic())?;
        ended.map_err(|error| error.diagnostic())?;
        connected.flush(lock.connection()).await?;
        Ok(collected)
    };
    let outcome = work.await;
    connected.leave(outcome.is_ok()).await?;
    let collection = outcome?;
    let mut out = std::io::stdout().lock();
    let written = match arguments.output {
        ShowOutput::Text => report::gc_text(&mut out, &collection),
        ShowOutput::Json => report::gc_json(&mut out, &collection),
    };
    written.or_else(closed_pipe).map_err(|error| unwritable(&error))?;
    Ok(Status::Success)
}

/// Models that are published and not public any more, and whether readers lose them now.
async fn orphans(workspace: &Workspace, gate: &Gate, connection: &Connection) -> Result<Vec<(String, bool)>, SqlError> {
    let (project, names) = (workspace.project_name(), gate.names());
    let orphans = gate::orphans(connection, &gate.ledger, project, &names).await?;
    let told = orphans.into_iter().map(|orphan| {
        let due = is_due(gate, &orphan);
        (orphan.model, due)
    });
    Ok(told.collect())
}

fn is_due(gate: &Gate, orphan: &Orphan) -> bool {
    orphan.is_live || !gate.keep_removed
}

async fn look(
    workspace: &Workspace,
    gate: &Gate,
    connection: &Connection,
    ledger_older_than: Age,
) -> Result<Collection, SqlError> {
    let mut collection = Collection {
        schema: gate.ledger.schema.clone(),
        dry_run: true,
        ..Collection::default()
    };
    if gate.ledger.format(connection).await?.is_none() {
        return Ok(collection);
    }
    for (model, due) in orphans(workspace, gate, connection).await? {
        if due {
            collection.retired.push(model);
        } else {
            collection.staying.push((model, "keep_removed".to_owned()));
        }
    }
    let leaving: Vec<&str> = collection.retired.iter().map(String::as_str).collect();
    collection.inventory = gate::inventory(connection, &gate.ledger, gate.keep, &gate.names(), &leaving).await?;
    if let Age::Days(days) = ledger_older_than {
        collection.timings = Some(gate::old_timings(connection, &gate.ledger, days).await?);
    }
    Ok(collection)
}

async fn collect(
    workspace: &Workspace,
    gate: &Gate,
    connection: &Connection,
    ledger_older_than: Age,
) -> Result<Collection, SqlError> {
    let mut leaving = orphans(workspace, gate, connection).await?;
    leaving.retain(|(_, due)| *due);
    let (ledger, names, run_id) = (&gate.ledger, gate.names(), &workspace.talk.invocation_id);
    let project = workspace.project_name();
    let due = |orphan: &Orphan| is_due(gate, orphan);
    let (_, stuck) = retire_orphans(connection, ledger, run_id, project, &names, due).await?;
    let mut collection = look(workspace, gate, connection, ledger_older_than).await?;
    collection.dry_run = false;
    // What it finds again is what could not be taken away.
    let left = leaving.into_iter().map(|(model, _)| model);
    collection.retired = left
        .filter(|model| stuck.iter().all(|(other, _)| other != model))
        .collect();
    collection.staying.extend(stuck.clone());
    if !stuck.is_empty() {
        collection.inventory = gate::inventory(connection, ledger, gate.keep, &names, &[]).await?;
    }
    let collected = gate::drop_due(connection, ledger, &collection.inventory.drop).await?;
    collection.left = collected.kept;
    if let Age::Days(days) = ledger_older_than {
        gate::drop_old_timings(connection, ledger, days).await?;
    }
    Ok(collection)
}
