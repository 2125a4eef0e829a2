//! The gate's side of a run: lock, ledger, leftovers; and the same in reverse.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::diagnostic::Diagnostic;
use crate::gate::{
    Collected, Holder, Ledger, Orphan, Overreach, Retired, RunLock, RunRecord, SetUp, SetUpError, changes, collect,
    drop_leftovers, evidence_sql, orphans, retire, set_up, standing,
};
use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, ident};

use super::context::Gate;
use super::event::{Events, Level};
use super::interrupt::Interrupt;
use super::result::{NodeResult, RunResult};

/// A run that holds the lock of its published schema.
pub struct GateSession {
    gate: Gate,
    run_id: String,
    project: String,
    lock: RunLock,
    guard: Option<JoinHandle<()>>,
}

/// What there is to tell of the beginning of a run.
#[derive(Debug, Default)]
pub struct Opened {
    pub collected: Collected,
    pub said: Vec<String>,
    pub warnings: Vec<Diagnostic>,
}

/// What there is to tell of its end.
#[derive(Debug, Default)]
pub struct Closed {
    pub collected: Collected,
    pub said: Vec<String>,
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
    ) -> Result<(Self, Opened), Diagnostic> {
        prepare_ledger(&lock_connection, gate).await?;
        let taken = RunLock::take(lock_connection, &gate.ledger.schema, run, patience, waiting)
            .await
            .map_err(|error| error.diagnostic())?;
        let lock = taken.map_err(|holder| lock_refusal(gate, &holder))?;
        // Under the lock: two first runs would meet in making the same things.
        let made = set_up(lock.connection(), &gate.ledger, &gate.wanted()).await;
        let made = made.map_err(|error| set_up_diagnostic(&error))?;
        let evidence = evidence_sql(&gate.ledger, &gate.readers);
        let shown = lock.connection().batch(&evidence).await;
        shown.map_err(|error| error.diagnostic())?;
        let cleared = async {
            gate.ledger.begin_run(lock.connection(), run).await?;
            drop_leftovers(lock.connection(), &gate.ledger).await
        };
        let collected = cleared.await.map_err(|error| error.diagnostic())?;
        let session = Self {
            gate: gate.clone(),
            run_id: run.run_id.clone(),
            project: run.project.clone(),
            lock,
            guard: None,
        };
        let (mut said, warnings) = told(&made);
        // A view would show every delta of this run, and its tests are nobody's any more.
        match session.retire(|orphan| orphan.is_live).await {
            Ok((retired, kept)) => {
                if let Some((model, reason)) = kept.into_iter().next() {
                    session.abandon().await;
                    return Err(stuck(gate, &model, &reason));
                }
                said.extend(retired);
            }
            Err(diagnostic) => {
                session.abandon().await;
                return Err(diagnostic);
            }
        }
        let opened = Opened {
            collected,
            said,
            warnings,
        };
        Ok((session, opened))
    }

    /// Takes from readers what is published of models that are public no more, as far as `due` says; what was retired, for
    /// people, and what had to stay with its reason.
    async fn retire(&self, due: impl Fn(&Orphan) -> bool) -> Result<(Vec<String>, Vec<(String, String)>), Diagnostic> {
        let (ledger, connection) = (&self.gate.ledger, self.lock.connection());
        retire_orphans(connection, ledger, &self.run_id, &self.project, &self.gate.names(), due)
            .await
            .map_err(|error| error.diagnostic())
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
    ) -> Result<Closed, Diagnostic> {
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
        // Only a run that published all there is knows that nothing else is meant to be there.
        let names = self.gate.names();
        let published = |name: &&str| {
            result
                .published
                .iter()
                .any(|one| one.model.relation.identifier == **name)
        };
        let complete = result.is_success() && !result.interrupted && !names.is_empty() && names.iter().all(published);
        let mut closed = Closed::default();
        if complete && !self.gate.keep_removed {
            let (retired, kept) = self.retire(|_| true).await?;
            closed.said.extend(retired);
            let stays = |(model, reason)| format!("{} stays published: {reason}", place(&self.gate, model));
            closed
                .said
                .extend(kept.iter().map(|(model, reason)| stays((model, reason))));
        }
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
        closed.collected = ended.await.map_err(|error| error.diagnostic())?;
        Ok(closed)
    }
}

/// The ledger, made where it is missing.
pub async fn prepare_ledger(connection: &Connection, gate: &Gate) -> Result<(), Diagnostic> {
    let Err(error) = gate.ledger.prepare(connection).await else {
        return Ok(());
    };
    // insufficient_privilege
    if !error.is("42501") {
        return Err(error.diagnostic());
    }
    let wanted = gate.wanted();
    let missing = async {
        connection.rollback().await?;
        Ok::<_, SqlError>(changes(&standing(connection, &wanted).await?, &wanted))
    };
    let mut missing = missing.await.map_err(|error| error.diagnostic())?;
    missing.retain(|change| change.is_needed);
    if missing.is_empty() {
        return Err(error.diagnostic());
    }
    Err(set_up_diagnostic(&SetUpError::Missing {
        changes: missing,
        cause: Some(error),
    }))
}

/// Retires the orphans that are `due`.
pub async fn retire_orphans(
    connection: &Connection,
    ledger: &Ledger,
    run_id: &str,
    project: &str,
    models: &[&str],
    due: impl Fn(&Orphan) -> bool,
) -> Result<(Vec<String>, Vec<(String, String)>), SqlError> {
    let (mut retired, mut kept) = (Vec::new(), Vec::new());
    for orphan in orphans(connection, ledger, project, models).await? {
        if !due(&orphan) {
            continue;
        }
        let place = format!("{}.{}", ledger.schema, orphan.model);
        match retire(connection, ledger, run_id, &orphan).await? {
            Retired::Done => retired.push(format!(
                "{place} is gone: the project has no public model of this name any more"
            )),
            Retired::Kept(reason) => kept.push((orphan.model, reason)),
        }
    }
    Ok((retired, kept))
}

/// What a set-up has to say: what it took away, and warnings.
#[must_use]
pub fn told(made: &SetUp) -> (Vec<String>, Vec<Diagnostic>) {
    let taken = made.done.iter().filter(|change| !change.is_needed);
    let said = taken.map(|change| format!("Readers: {}", change.says)).collect();
    let mut warnings: Vec<Diagnostic> = made.overreach.iter().map(overreach).collect();
    for change in &made.undone {
        let message = format!("this cannot be done by the project's role: {}", change.says);
        warnings.push(Diagnostic::warning("reader-reads-more", message).help(format!(
            "somebody with the right to should run: {}",
            change.sql.trim_end()
        )));
    }
    (said, warnings)
}

fn overreach(found: &Overreach) -> Diagnostic {
    let (message, close) = match found {
        Overreach::Superuser(reader) => (
            format!("the reader {reader} is a superuser: it reads everything, audited or not"),
            format!("alter role {} nosuperuser;", ident(reader)),
        ),
        Overreach::Member { reader, role } => (
            format!(
                "the reader {reader} is a member of {role}, the project's role: it reads everything, audited or not"
            ),
            format!("revoke {} from {};", ident(role), ident(reader)),
        ),
    };
    Diagnostic::warning("reader-reads-more", message)
        .help(format!("{close} `assay gate check` shows all that readers reach"))
}

fn place(gate: &Gate, model: &str) -> String {
    format!("{}.{model}", gate.ledger.schema)
}

/// A view that must go before anything else happens, and cannot.
fn stuck(gate: &Gate, model: &str, reason: &str) -> Diagnostic {
    let place = place(gate, model);
    Diagnostic::error(
        "dependents-in-the-way",
        format!("{place} is no public model any more, and cannot be taken from readers"),
    )
    .because(format!(
        "{reason}\nit is a view, which would show what its parents take in, and its tests are not run any more"
    ))
    .help(format!(
        "drop what others built on {place}, or make the model public again"
    ))
}

/// What a set-up that failed says to its user.
#[must_use]
pub fn set_up_diagnostic(error: &SetUpError) -> Diagnostic {
    match error {
        SetUpError::Sql(error) => error.diagnostic(),
        SetUpError::ReaderBuilds(role) => Diagnostic::error(
            "reader-builds",
            format!("`{role}` is among the readers, and is the role that builds"),
        )
        .because("it owns everything, candidates that have not passed their audits among it")
        .help("let readers use a role of their own: name it below `gate.readers`, and it is made"),
        SetUpError::Missing { changes, cause } => {
            let says: Vec<&str> = changes.iter().map(|change| change.says.as_str()).collect();
            let sql: String = changes.iter().map(|change| change.sql.as_str()).collect();
            let mut because = format!("the role that builds may not see to this: {}", says.join("; "));
            if let Some(cause) = cause {
                because = format!("{because}\n{}", cause.message);
            }
            Diagnostic::error("gate-not-set-up", "the gate is not set up in this database")
                .because(because)
                .help(format!("somebody with the right to must run once:\n{}", sql.trim_end()))
        }
    }
}

/// What somebody who may not run now is told.
#[must_use]
pub fn lock_refusal(gate: &Gate, holder: &Holder) -> Diagnostic {
    let help = match &holder.stranger {
        Some(stranger) => format!(
            "if it is no run, `select pg_terminate_backend({})` ends it; a run is waited for with --lock-wait SECONDS",
            stranger.backend
        ),
        None => "wait for it to end, or give --lock-wait SECONDS".to_owned(),
    };
    Diagnostic::error(
        "run-in-progress",
        format!("another run holds the published schema `{}`", gate.ledger.schema),
    )
    .because(holder.to_string())
    .help(help)
}

fn timing(result: &NodeResult) -> (String, String, f64) {
    (
        result.node.id.to_string(),
        result.status.name().to_owned(),
        result.execution_time_seconds,
    )
}
