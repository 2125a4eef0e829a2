//! Who keeps a node waiting for a lock. Once the server has given up, nobody is in the way any more: one has to look before.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::postgres::{Connection, Pool, SqlError};

/// Looks after a session that waits for locks with a limit, until dropped.
pub(super) struct Blockers {
    found: Arc<Mutex<String>>,
    watch: Option<JoinHandle<()>>,
}

impl Blockers {
    /// Looks several times within `lock_timeout`, on a connection of its own that is opened where a first wait is due. Without
    /// a limit nobody asks who was in the way.
    pub fn of(pool: &Pool, session: &Connection) -> Self {
        let found = Arc::<Mutex<String>>::default();
        let pause = (session.lock_timeout() / 4).max(Duration::from_millis(20));
        let watch = (!session.lock_timeout().is_zero()).then(|| {
            let (pool, process, found) = (pool.clone(), session.process(), Arc::clone(&found));
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                // What cannot be asked is not told.
                let Ok(connection) = pool.beside().await else { return };
                while let Ok(lines) = blocking(&connection, process).await {
                    if !lines.is_empty() {
                        *found.lock().unwrap_or_else(PoisonError::into_inner) = lines;
                    }
                    tokio::time::sleep(pause).await;
                }
            })
        });
        Self { found, watch }
    }

    /// A line for each session that was in the way when somebody last was.
    pub fn told(&self) -> String {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Blockers {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

async fn blocking(connection: &Connection, process: i32) -> Result<String, SqlError> {
    let rows = connection
        .query(
            "select b.pid, coalesce(a.usename::text, '?'), coalesce(a.application_name, ''), coalesce(a.state, '?'),
                    to_char(a.query_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
                    to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
                    w.mode, coalesce(w.relation::regclass::text, w.locktype)
             from (select distinct pid from unnest(pg_catalog.pg_blocking_pids($1)) as b (pid)) b
             left join pg_catalog.pg_stat_activity a on a.pid = b.pid
             left join lateral (select l.mode, l.relation, l.locktype from pg_catalog.pg_locks l
                                where l.pid = $1 and not l.granted limit 1) w on true
             order by b.pid",
            &[&process],
        )
        .await?;
    let mut lines = String::new();
    for row in &rows {
        let (blocker, user, application, state): (i32, &str, &str, &str) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let [query, transaction] = [4, 5].map(|at| row.get::<_, Option<&str>>(at).unwrap_or("?"));
        let (mode, what): (Option<&str>, Option<&str>) = (row.get(6), row.get(7));
        // The server gives prepared transactions no process.
        let who = if blocker == 0 {
            "a prepared transaction (see pg_prepared_xacts)".to_owned()
        } else {
            format!(
                "process {blocker} (user {user}, application {application:?}, {state}, its query begun {query} UTC, in a \
                 transaction since {transaction} UTC)"
            )
        };
        let wanted = mode
            .zip(what)
            .map_or_else(String::new, |(mode, what)| format!(" from {mode} on {what}"));
        let _ = write!(lines, "\n{who} kept it{wanted}");
    }
    Ok(lines)
}
