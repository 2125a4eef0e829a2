//! `history`: what was published when.

use crate::report;
use crate::sql::{Column, Table};

use super::arguments::{Global, HistoryArguments, ShowOutput};
use super::connect::{connect, gate_of, ledger_is_there};
use super::ls::{closed_pipe, unwritable};
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

pub(super) async fn history(global: &Global, talk: &Talk, arguments: &HistoryArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "history")?;
    let gate = gate_of(&workspace)?;
    let connected = connect(&workspace, Some(1)).await?;
    let work = async {
        let connection = connected.pool.get().await?;
        if !ledger_is_there(&gate, &connection).await? {
            return Ok(Vec::new());
        }
        let entries = gate
            .ledger
            .history(&connection, arguments.model.as_deref(), arguments.limit);
        entries.await.map_err(|error| error.diagnostic())
    };
    let outcome = work.await;
    connected.leave(outcome.is_ok()).await?;
    let column = |name: &str, data_type: &str| Column {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
    };
    let table = Table {
        columns: vec![
            column("at", "text"),
            column("model", "text"),
            column("action", "text"),
            column("version", "text"),
            column("state", "text"),
            column("rows", "bigint"),
            column("changes", "text"),
            column("tests_passed", "integer"),
            column("warnings", "text"),
            column("run_id", "text"),
        ],
        rows: outcome?
            .into_iter()
            .map(|entry| {
                vec![
                    Some(entry.at),
                    Some(entry.model),
                    Some(entry.action),
                    Some(entry.version),
                    Some(entry.state),
                    entry.rows.map(|n| n.to_string()),
                    entry.changes.map(|changes| changes.to_string()),
                    entry.tests_passed.map(|n| n.to_string()),
                    entry.warnings,
                    Some(entry.run_id),
                ]
            })
            .collect(),
        ..Table::default()
    };
    let format = match arguments.output {
        ShowOutput::Text => report::ShowFormat::Text,
        ShowOutput::Json => report::ShowFormat::Json,
    };
    let written = report::show(&mut std::io::stdout().lock(), &table, None, format);
    written.or_else(closed_pipe).map_err(|error| unwritable(&error))?;
    Ok(Status::Success)
}
