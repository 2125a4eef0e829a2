//! One run per published schema at a time: an advisory lock held by a connection of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::postgres::{Connection, SqlError};

use super::ledger::RunRecord;

/// How often the lock is looked after.
const PULSE: Duration = Duration::from_millis(500);

/// Who holds the lock.
#[derive(Clone, Debug)]
pub struct Holder {
    pub run_id: String,
    pub command: String,
    pub host: String,
    pub pid: i32,
    pub since: String,
    /// Set where the lock is held by a session of another role, which need not be a run at all.
    pub stranger: Option<Stranger>,
}

/// A session that holds the lock under another role.
#[derive(Clone, Debug)]
pub struct Stranger {
    pub role: String,
    pub backend: i32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Stranger { role, backend }) = &self.stranger {
            return write!(f, "a session of the role {role}, backend {backend}");
        }
        write!(
            f,
            "`{}` on host {}, process {}, run {}, since {}",
            self.command, self.host, self.pid, self.run_id, self.since
        )
    }
}

/// Held until dropped with its connection; the server lets go of it when the connection ends, however it ends.
pub struct RunLock {
    connection: Arc<Connection>,
    schema: String,
}

impl RunLock {
    /// Takes the lock, waiting up to `patience` for another run to end; says who is in the way through `waiting` once.
    /// `Ok(Err(holder))` where it stayed taken.
    pub async fn take(
        connection: Connection,
        schema: &str,
        run: &RunRecord,
        patience: Duration,
        waiting: &mut (dyn FnMut(&Holder) + Send),
    ) -> Result<Result<Self, Holder>, SqlError> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut said = false;
        loop {
            let rows = connection
                .query(
                    "select pg_try_advisory_lock(hashtextextended('assay run ' || $1, 0))",
                    &[&schema],
                )
                .await?;
            if rows.first().is_some_and(|row| row.get::<_, bool>(0)) {
                break;
            }
            let holder = holder(&connection, schema).await?;
            if tokio::time::Instant::now() >= deadline {
                return Ok(Err(holder));
            }
            if !said {
                waiting(&holder);
                said = true;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let pid = i32::try_from(run.pid).unwrap_or(i32::MAX);
        connection
            .query(
                "insert into assay.locks (published_schema, run_id, command, host, pid)
                 values ($1, $2::text::uuid, $3, $4, $5)
                 on conflict (published_schema) do update
                 set run_id = excluded.run_id, command = excluded.command, host = excluded.host, pid = excluded.pid,
                     since = clock_timestamp()",
                &[&schema, &run.run_id, &run.command, &run.host, &pid],
            )
            .await?;
        Ok(Ok(Self {
            connection: Arc::new(connection),
            schema: schema.to_owned(),
        }))
    }

    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Ends when the lock is lost: with its connection, on which nothing else happens. Until then it never ends.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        let (connection, schema) = (Arc::clone(&self.connection), self.schema.clone());
        async move {
            let still = "select 1 from assay.locks where published_schema = $1";
            while connection.query(still, &[&schema]).await.is_ok() {
                tokio::time::sleep(PULSE).await;
            }
        }
    }
}

async fn holder(connection: &Connection, schema: &str) -> Result<Holder, SqlError> {
    let rows = connection
        .query(
            "select run_id::text, command, host, pid, to_char(since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"')
             from assay.locks where published_schema = $1",
            &[&schema],
        )
        .await?;
    let stranger = connection
        .query(
            "select coalesce(a.usename::text, '(unknown)'), a.pid
             from hashtextextended('assay run ' || $1, 0) as key
             join pg_locks l on l.locktype = 'advisory' and l.granted and l.objsubid = 1
               and l.classid::bigint = (key >> 32) & 4294967295 and l.objid::bigint = key & 4294967295
               and l.database = (select oid from pg_database where datname = current_database())
             join pg_stat_activity a on a.pid = l.pid
             where a.usename is distinct from session_user",
            &[&schema],
        )
        .await?;
    let stranger = stranger.first().map(|row| Stranger {
        role: row.get(0),
        backend: row.get(1),
    });
    // The holder takes the lock first and signs second.
    Ok(rows.first().map_or_else(
        || Holder {
            run_id: "(just starting)".into(),
            command: "assay".into(),
            host: "(unknown)".into(),
            pid: 0,
            since: "just now".into(),
            stranger: stranger.clone(),
        },
        |row| Holder {
            run_id: row.get(0),
            command: row.get(1),
            host: row.get(2),
            pid: row.get(3),
            since: row.get(4),
            stranger: stranger.clone(),
        },
    ))
}
