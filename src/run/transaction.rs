//! The transaction of a node whose materialization is written in Jinja.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::postgres::{PooledConnection, SqlError};
use crate::sql::Table;

/// Keeps the book that dbt's PostgreSQL driver keeps: the first statement of a session begins a block, whoever sends it; a
/// commit ends it, and from then on every statement is committed by itself, until an error rolls back and the next statement
/// begins again. `adapter.commit()` wants that a statement has asked for a transaction (`auto_begin`).
pub(super) struct Transaction {
    connection: Arc<PooledConnection>,
    state: Mutex<State>,
    /// Sent with the beginning of every block.
    first: String,
}

/// How often a statement that commits by itself is sent again when others were in its way.
const CONFLICTS: u32 = 5;

#[derive(Default)]
struct State {
    /// The session has sent something since it began or was rolled back.
    begun: bool,
    /// A statement asked for a transaction, and nothing has committed it yet.
    open: bool,
    failed: Option<Failed>,
}

/// The last statement that the server refused.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub error: SqlError,
    pub sent: String,
}

impl Transaction {
    pub fn new(connection: &Arc<PooledConnection>) -> Self {
        Self {
            connection: Arc::clone(connection),
            state: Mutex::default(),
            first: String::new(),
        }
    }

    /// Begins every block with a statement.
    pub fn beginning_with(mut self, sql: String) -> Self {
        self.first = sql;
        self
    }

    pub fn connection(&self) -> &Arc<PooledConnection> {
        &self.connection
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn execute(&self, sql: &str, auto_begin: bool, fetch: bool) -> Result<Table, SqlError> {
        let begins = {
            let mut state = self.state();
            state.open |= auto_begin;
            !std::mem::replace(&mut state.begun, true)
        };
        if begins {
            self.connection.batch(&format!("begin;\n{}", self.first)).await?;
        }
        let mut done = self.send(sql, fetch).await;
        // What drops the old relation after the commit locks whatever hangs on it. Refused, it has done nothing.
        for attempt in 0..CONFLICTS {
            let deadlock = matches!(&done, Err(error) if error.is("40P01") || error.is("40001"));
            if !deadlock || self.connection.in_transaction() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            done = self.send(sql, fetch).await;
        }
        if let Err(error) = &done {
            let open = {
                let mut state = self.state();
                state.failed = Some(Failed {
                    error: error.clone(),
                    sent: sql.to_owned(),
                });
                state.open
            };
            if open {
                self.rollback().await;
            }
        }
        done
    }

    async fn send(&self, sql: &str, fetch: bool) -> Result<Table, SqlError> {
        if fetch {
            self.connection.table(sql).await
        } else {
            self.connection.run(sql).await
        }
    }

    /// Gives false where there is nothing to commit.
    pub async fn commit(&self) -> Result<bool, SqlError> {
        if !std::mem::take(&mut self.state().open) {
            return Ok(false);
        }
        self.connection.commit().await.map(|()| true)
    }

    /// Lets every statement from here on commit by itself.
    pub async fn clear(&self) -> Result<(), SqlError> {
        if self.state().open {
            self.rollback().await;
        }
        if self.connection.in_transaction() {
            self.connection.commit().await?;
        }
        self.state().begun = true;
        Ok(())
    }

    /// What is open is undone.
    pub async fn rollback(&self) {
        {
            let mut state = self.state();
            state.open = false;
            state.begun = false;
        }
        if self.connection.in_transaction() {
            // Where even this fails the connection is gone, and with it the transaction.
            let _ = self.connection.rollback().await;
        }
    }

    pub fn failed(&self) -> Option<Failed> {
        self.state().failed.clone()
    }
}
