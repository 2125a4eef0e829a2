//! `gate grant` and `gate check`: who can read what.

use std::collections::BTreeSet;
use std::io::Write as _;

use crate::diagnostic::Diagnostic;
use crate::gate::{self, Change, Reach, Reached};
use crate::graph::ResourceType;
use crate::postgres::{Connection, SqlError};
use crate::report;
use crate::run::{Gate, Level, set_up_diagnostic, told};

use super::arguments::{GateAction, GateArguments, Global, ShowOutput};
use super::connect::{Connected, connect, connect_to_look, gate_of};
use super::ls::{closed_pipe, unwritable};
use super::rollback::locked;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

pub(super) async fn gate(global: &Global, talk: &Talk, arguments: &GateArguments) -> Outcome {
    match arguments.action {
        GateAction::Grant { dry_run: true, .. } => rehearse(global, talk).await,
        GateAction::Grant { lock_wait, .. } => grant(global, talk, lock_wait).await,
        GateAction::Check { output } => check(global, talk, output).await,
    }
}

/// The statements of `grant`, written and not run.
async fn rehearse(global: &Global, talk: &Talk) -> Outcome {
    let workspace = Workspace::load(global, talk, "gate")?;
    let gate = gate_of(&workspace)?;
    let connected = connect_to_look(&workspace).await?;
    let asked = async {
        let connection = connected.pool.get().await?;
        let wanted = gate.wanted();
        let asked = async {
            let standing = gate::standing(&connection, &wanted).await?;
            let reach = gate::reach(&connection, &gate.ledger, &gate.readers, &private(&workspace)).await?;
            Ok::<_, SqlError>((gate::changes(&standing, &wanted), reach))
        };
        asked.await.map_err(|error| error.diagnostic())
    };
    let outcome = asked.await;
    connected.leave(outcome.is_ok()).await?;
    let (changes, reach) = outcome?;
    let mut text: String = changes
        .iter()
        .map(|change| format!("-- {}\n{}", change.says, change.sql))
        .collect();
    for found in hardening(&reach) {
        text.push_str(&format!(
            "-- {} {}: {}\n{}\n",
            found.kind, found.object, found.why, found.close
        ));
    }
    if text.is_empty() {
        "-- nothing to do\n".clone_into(&mut text);
    }
    let written = std::io::stdout().write_all(text.as_bytes());
    written.or_else(closed_pipe).map_err(|error| unwritable(&error))?;
    Ok(Status::Success)
}

async fn grant(global: &Global, talk: &Talk, lock_wait: u64) -> Outcome {
    let workspace = Workspace::load(global, talk, "gate")?;
    let gate = gate_of(&workspace)?;
    let connected = connect(&workspace, Some(1)).await?;
    let outcome = granted(&workspace, &connected, &gate, lock_wait).await;
    connected.leave(outcome.is_ok()).await?;
    outcome?;
    Ok(Status::Success)
}

async fn granted(workspace: &Workspace, connected: &Connected, gate: &Gate, lock_wait: u64) -> Result<(), Diagnostic> {
    let talk = &workspace.talk;
    let lock = locked(workspace, connected, "assay gate grant", lock_wait).await?;
    let connection = lock.connection();
    let made = gate::set_up(connection, &gate.ledger, &gate.wanted()).await;
    let status = if made.is_ok() { "success" } else { "error" };
    let ended = gate.ledger.end_run(connection, &talk.invocation_id, status).await;
    ended.map_err(|error| error.diagnostic())?;
    let made = made.map_err(|error| set_up_diagnostic(&error))?;
    for Change { says, .. } in &made.done {
        talk.say(Level::Info, says);
    }
    let (_, warnings) = told(&made);
    for warning in warnings {
        talk.tell(warning);
    }
    let closed = close(connection, workspace, gate).await;
    let (closed, left) = closed.map_err(|error| error.diagnostic())?;
    for found in &closed {
        let text = format!(
            "{}: not any more. A role that needs it can have it granted; this was run: {}",
            found.why, found.close
        );
        talk.say(Level::Info, &text);
    }
    if made.done.is_empty() && closed.is_empty() {
        talk.say(Level::Info, "Schemas, roles and grants are as they should be.");
    }
    let open = left.findings().count();
    if open > 0 {
        let text = format!("Readers can still reach what they should not ({open} found): see `assay gate check`.");
        talk.say(Level::Warn, &text);
    }
    connected.flush(connection).await
}

/// Closes what stands open on any new server, as far as this role may; what was closed, and what can be reached after that.
async fn close(connection: &Connection, workspace: &Workspace, gate: &Gate) -> Result<(Vec<Reached>, Reach), SqlError> {
    let private = private(workspace);
    let before = gate::reach(connection, &gate.ledger, &gate.readers, &private).await?;
    let open = hardening(&before);
    if open.is_empty() {
        return Ok((Vec::new(), before));
    }
    for found in &open {
        match connection.batch(&found.close).await {
            Ok(_) => {}
            Err(error) if error.lost => return Err(error),
            // Only its owner or a superuser may; `gate check` shows the statement.
            Err(_) => connection.rollback().await?,
        }
    }
    let after = gate::reach(connection, &gate.ledger, &gate.readers, &private).await?;
    let closed = open.into_iter().filter(|found| !after.found.contains(found)).collect();
    Ok((closed, after))
}

fn hardening(reach: &Reach) -> Vec<Reached> {
    reach.found.iter().filter(|found| found.is_hardening).cloned().collect()
}

async fn check(global: &Global, talk: &Talk, output: ShowOutput) -> Outcome {
    let workspace = Workspace::load(global, talk, "gate")?;
    let gate = gate_of(&workspace)?;
    let connected = connect_to_look(&workspace).await?;
    let asked = async {
        let connection = connected.pool.get().await?;
        gate::reach(&connection, &gate.ledger, &gate.readers, &private(&workspace))
            .await
            .map_err(|error| error.diagnostic())
    };
    let outcome = asked.await;
    connected.leave(outcome.is_ok()).await?;
    let reach = outcome?;
    let mut out = std::io::stdout().lock();
    let written = match output {
        ShowOutput::Text => report::reach_text(&mut out, &gate.ledger.schema, &reach),
        ShowOutput::Json => report::reach_json(&mut out, &gate.ledger.schema, &reach),
    };
    written.or_else(closed_pipe).map_err(|error| unwritable(&error))?;
    Ok(if reach.findings().next().is_some() {
        Status::Failed
    } else {
        Status::Success
    })
}

/// The schemas that the project builds in or reads.
fn private(workspace: &Workspace) -> BTreeSet<String> {
    let kinds = [
        ResourceType::Model,
        ResourceType::Seed,
        ResourceType::Snapshot,
        ResourceType::Source,
        ResourceType::Test,
        ResourceType::Function,
    ];
    let nodes = workspace
        .graph
        .nodes()
        .filter(|node| kinds.contains(&node.resource_type));
    nodes.map(|node| node.relation.stored_schema().into_owned()).collect()
}
