//! The gate's side of a run: lock, ledger, leftovers; and the same in reverse.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::diagnostic::Diagnostic;
use crate::gate::{
    Collected, Holder, RunLock, RunRecord, collect, create_published_schema, drop_leftovers, evidence_sql,
};
use crate::postgres::{Connection, SqlError};
use crate::sql::Relation;

use super::context::Gate;
use super::event::{Events, Level};
use super::interrupt::Interrupt;
use super::result::{NodeResult, RunResult};

/// A run that holds the lock of its published schema.
pub struct GateSession {
    gate: Gate,
    run_id: String,
    lock: RunLock,
    guard: Option<JoinHandle<()>>,
}

impl GateSession {
    /// Takes the lock on a connection of its own, prepares schemas, roles and ledger, and clears away what an earlier run
    /// left. `waiting` hears who is in the way.
    pub async fn open(
        lock_connection: Connection,
        gate: &Gate,
        run: &RunRecord,
        patience: Duration,
        waiting: &mut (dyn FnMut(&Holder) + Send),
    ) -> Result<(Self, Collected), Diagnostic> {
        let prepared = gate.ledger.prepare(&lock_connection).await;
        prepared.map_err(|error| setup_error(gate, &error))?;
        let taken = RunLock::take(lock_connection, &gate.ledger.schema, run, patience, waiting)
            .await
            .map_err(|error| error.diagnostic())?;
        let lock = taken.map_err(|holder| lock_refusal(gate, &holder))?;
        // Under the lock: CREATE SCHEMA IF NOT EXISTS fails where two first runs meet in it.
        let made = create_published_schema(lock.connection(), &gate.ledger.schema, &gate.readers).await;
        made.map_err(|error| setup_error(gate, &error))?;
        let evidence = evidence_sql(&gate.ledger, &gate.readers);
        let shown = lock.connection().batch(&evidence).await;
        shown.map_err(|error| setup_error(gate, &error))?;
        let cleared = async {
            gate.ledger.begin_run(lock.connection(), run).await?;
            drop_leftovers(lock.connection(), &gate.ledger).await
        };
        let collected = cleared.await.map_err(|error| error.diagnostic())?;
        let session = Self {
            gate: gate.clone(),
            run_id: run.run_id.clone(),
            lock,
            guard: None,
        };
        Ok((session, collected))
    }

    /// Stops the run when its lock is lost: another run may have begun then.
    pub fn guard(&mut self, interrupt: &Interrupt, events: &Events) {
        let (lost, interrupt, events) = (self.lock.lost(), interrupt.clone(), events.clone());
        self.guard = Some(tokio::spawn(async move {
            lost.await;
            events.message(
                Level::Error,
                "The run lock was lost with its connection; the run stops.",
            );
            interrupt.raise();
        }));
    }

    /// Ends a run that could not begin.
    pub async fn abandon(self) {
        if let Some(guard) = &self.guard {
            guard.abort();
        }
        let connection = self.lock.connection();
        // What kept it from beginning is told; the next run clears away what stays.
        let _ = self.gate.ledger.end_run(connection, &self.run_id, "error").await;
    }

    /// Writes the run's end and its timings, and drops versions that are no longer kept.
    pub async fn close(
        self,
        connection: &Connection,
        result: &RunResult,
        spent: &[Relation],
    ) -> Result<Collected, Diagnostic> {
        if let Some(guard) = &self.guard {
            guard.abort();
        }
        let status = if result.interrupted {
            "cancelled"
        } else if result.is_success() {
            "success"
        } else {
            "error"
        };
        let ended = async {
            let timings: Vec<(String, String, f64)> = result.results.iter().map(timing).collect();
            self.gate
                .ledger
                .record_nodes(connection, &self.run_id, &timings)
                .await?;
            for table in spent {
                connection.batch(&format!("drop table if exists {table}")).await?;
            }
            let collected = collect(connection, &self.gate.ledger, self.gate.keep).await?;
            self.gate.ledger.end_run(connection, &self.run_id, status).await?;
            Ok::<_, SqlError>(collected)
        };
        ended.await.map_err(|error| error.diagnostic())
    }
}

/// What somebody who may not run now is told.
#[must_use]
pub fn lock_refusal(gate: &Gate, holder: &Holder) -> Diagnostic {
    Diagnostic::error(
        "run-in-progress",
        format!("another run holds the published schema `{}`", gate.ledger.schema),
    )
    .because(holder.to_string())
    .help("wait for it to end, or give --lock-wait SECONDS")
}

fn timing(result: &NodeResult) -> (String, String, f64) {
    (
        result.node.id.to_string(),
        result.status.name().to_owned(),
        result.execution_time_seconds,
    )
}

fn setup_error(gate: &Gate, error: &SqlError) -> Diagnostic {
    let diagnostic = error.diagnostic();
    if error.is("42501") {
        return diagnostic.help(format!(
            "somebody with the right to must run once: create schema {schema}; create schema {schema}__versions; \
             create schema assay; create role for each of [{readers}]; and make this user the schemas' owner",
            schema = gate.ledger.schema,
            readers = gate.readers.join(", ")
        ));
    }
    diagnostic
}
