//! What every session is told right after it was opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio_postgres::types::{ToSql, Type};

use super::SqlError;
use crate::project::profile::{Secret, Target, TargetKind};
use crate::sql::literal;

/// A message that the server sent beside a result: `raise notice`, a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE`, `WARNING`, `INFO`.
    pub severity: String,
    pub message: String,
}

/// Takes the notices of a session.
pub type Notices = Arc<dyn Fn(Notice) + Send + Sync>;

/// A statement on its way.
#[derive(Clone, Copy, Debug)]
pub enum Passage<'a> {
    /// It is about to be sent.
    Sent(&'a str),
    /// The server has answered, or will not.
    Answered { seconds: f64, error: Option<&'a SqlError> },
}

/// Watches the statements of a session. Those that set it up are not shown, for they hold secrets.
pub type Observer = Arc<dyn Fn(Passage<'_>) + Send + Sync>;

/// What sessions of one command share beside their target.
#[derive(Clone, Default)]
pub struct Session {
    /// Readable in SQL as `current_setting('assay.pseudonym_secret')`; travels as a bound parameter, so that no log of
    /// statements holds it.
    pub pseudonym_secret: Option<Secret>,
    /// What the project sets for every session, by name.
    pub settings: IndexMap<String, String>,
    pub notices: Option<Notices>,
    pub observer: Option<Observer>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("pseudonym_secret", &self.pseudonym_secret)
            .finish_non_exhaustive()
    }
}

/// Settings that a server may lack (its version) or refuse (its platform); such a server goes without.
const WISHES: [(&str, &str); 2] = [
    // A killed client's statement must not run to its end and commit.
    ("client_connection_check_interval", "1000"),
    // Many short statements: compiling them costs more than it saves.
    ("jit", "off"),
];

/// What the server says of a session that it has opened.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Zero where the session waits for locks without a limit.
    pub lock_timeout: Duration,
    pub process: i32,
}

/// One round trip. The target's own settings come last, so that a role's rights do not stand in the way.
pub(super) async fn prepare(
    client: &tokio_postgres::Client,
    target: &Target,
    session: &Session,
) -> Result<Facts, tokio_postgres::Error> {
    match configure(client, target, session, true).await {
        // Where the operating system cannot tell that a client is gone, the server refuses the interval.
        Err(error) if SqlError::of(&error).is("22023") => configure(client, target, session, false).await,
        other => other,
    }
}

async fn configure(
    client: &tokio_postgres::Client,
    target: &Target,
    session: &Session,
    check_client: bool,
) -> Result<Facts, tokio_postgres::Error> {
    let mut calls: Vec<String> = Vec::new();
    let mut values: Vec<&str> = Vec::new();
    for (name, value) in &WISHES[usize::from(!check_client)..] {
        calls.push(format!(
            "(select pg_catalog.set_config(name, '{value}', false) from pg_catalog.pg_settings where name = '{name}')"
        ));
    }
    let mut set = |name: &str, value| {
        values.push(value);
        calls.push(format!(
            "pg_catalog.set_config({}, ${}, false)",
            literal(name),
            values.len()
        ));
    };
    if target.kind == TargetKind::Local {
        set("maintenance_work_mem", "256MB");
        // The command ends with one synchronous commit instead; see `local::flush`.
        set("synchronous_commit", "off");
    }
    if let Some(secret) = &session.pseudonym_secret {
        set("assay.pseudonym_secret", secret.reveal());
    }
    for (name, value) in &session.settings {
        set(name, value);
    }
    if let Some(path) = &target.search_path {
        set("search_path", path);
    }
    if let Some(role) = &target.role {
        // The same as SET ROLE with the name quoted.
        set("role", role);
    }
    // After everything that may set it.
    calls.push("(select setting::int8 from pg_catalog.pg_settings where name = 'lock_timeout')".to_owned());
    calls.push("pg_catalog.pg_backend_pid()".to_owned());
    let sql = format!("select {}", calls.join(", "));
    let values: Vec<(&(dyn ToSql + Sync), Type)> = values
        .iter()
        .map(|value| (value as &(dyn ToSql + Sync), Type::TEXT))
        .collect();
    let rows = client.query_typed(&sql, &values).await?;
    let Some(row) = rows.first() else {
        return Ok(Facts::default());
    };
    let milliseconds: Option<i64> = row.get(row.len() - 2);
    Ok(Facts {
        lock_timeout: Duration::from_millis(milliseconds.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)),
        process: row.get(row.len() - 1),
    })
}
