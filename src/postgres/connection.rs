//! One session on a server.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::Cursor;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, Stream, StreamExt};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Row, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::attempt::Attempt;
use super::session::{self, Notice, Observer, Passage, Session};
use super::statements::{Block, block, statements};
use super::{SqlError, tls};
use crate::diagnostic::Diagnostic;
use crate::project::profile::{SslMode, Target};
use crate::sql::{Column, Table};

/// How long a server that is starting or recovering is waited for.
const STARTING: Duration = Duration::from_secs(30);

/// Stops what a connection is doing, from anywhere.
#[derive(Clone)]
pub struct Cancel {
    token: CancelToken,
    tls: MakeRustlsConnect,
    running: Arc<AtomicUsize>,
}

impl Cancel {
    /// Asks the server to stop the statement that runs now, if one does. The statement itself then ends with
    /// SQLSTATE 57014.
    pub async fn cancel(&self) -> Result<(), SqlError> {
        if self.running.load(Ordering::SeqCst) == 0 {
            return Ok(());
        }
        let ask = self.token.cancel_query(self.tls.clone());
        match tokio::time::timeout(Duration::from_secs(5), ask).await {
            Ok(answer) => answer.map_err(|error| SqlError::of(&error)),
            Err(_) => Err(SqlError::client(
                "the server did not take the request to cancel within 5 s",
            )),
        }
    }
}

/// A session, configured and in its role. Statements of one connection run one after another.
pub struct Connection {
    client: Client,
    cancel: Cancel,
    server_version: String,
    facts: session::Facts,
    /// Why the connection ended, once it has.
    ended: Arc<Mutex<Option<SqlError>>>,
    in_transaction: AtomicBool,
    /// A transaction is open around everything, see [`Connection::enter`].
    pub(super) nested: AtomicBool,
    attempt: Attempt,
    /// Types by object id and modifier, as `format_type` prints them.
    types: Mutex<HashMap<(u32, i32), String>>,
    pub(super) comment: Mutex<Option<super::Comment>>,
    observer: Option<Observer>,
}

impl Connection {
    /// Opens a session, trying again as often as the target's `retries` says where the failure may pass.
    pub async fn open(target: &Target, session: &Session) -> Result<Self, Diagnostic> {
        let tls = tls::connector(target)?;
        let mut attempt = 0;
        let begun = Instant::now();
        loop {
            match Self::try_open(target, session, &tls).await {
                Ok(connection) => return Ok(connection),
                // It is starting, and says so: that is not a matter of attempts.
                Err(error) if target.retries > 0 && error.is("57P03") && begun.elapsed() < STARTING => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) if attempt < target.retries && error.may_pass() => {
                    attempt += 1;
                    tokio::time::sleep(Duration::from_secs(u64::from(attempt.min(10)))).await;
                }
                Err(error) => return Err(error.connecting(target)),
            }
        }
    }

    /// One attempt, for who must tell the reasons of a failure apart.
    pub(super) async fn attempt(target: &Target, session: &Session) -> Result<Self, SqlError> {
        let tls = tls::connector(target).map_err(|error| SqlError::client(error.message))?;
        Self::try_open(target, session, &tls).await
    }

    async fn try_open(target: &Target, session: &Session, tls: &MakeRustlsConnect) -> Result<Self, SqlError> {
        use tokio_postgres::config::SslMode as Wire;
        let network = !target.host.starts_with('/');
        let (first, second) = match target.sslmode {
            _ if !network => (Wire::Disable, None),
            SslMode::Disable => (Wire::Disable, None),
            SslMode::Allow => (Wire::Disable, Some(Wire::Require)),
            SslMode::Prefer => (Wire::Prefer, Some(Wire::Disable)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Wire::Require, None),
        };
        match (Self::timed(target, session, tls, first).await, second) {
            // A server may let the same user in with TLS only, or without only.
            (Err(error), Some(second)) if error.tls || error.is("28000") => Self::timed(target, session, tls, second)
                .await
                .map_err(|other| if other.tls { error } else { other }),
            (result, _) => result,
        }
    }

    async fn timed(
        target: &Target,
        session: &Session,
        tls: &MakeRustlsConnect,
        mode: tokio_postgres::config::SslMode,
    ) -> Result<Self, SqlError> {
        let attempt = Self::connect(target, session, tls, mode);
        if target.connect_timeout.is_zero() {
            return attempt.await;
        }
        match tokio::time::timeout(target.connect_timeout, attempt).await {
            Ok(result) => result,
            Err(_) => Err(SqlError::client(format!(
                "no answer within {} s (connect_timeout)",
                target.connect_timeout.as_secs()
            ))),
        }
    }

    async fn connect(
        target: &Target,
        session: &Session,
        tls: &MakeRustlsConnect,
        mode: tokio_postgres::config::SslMode,
    ) -> Result<Self, SqlError> {
        let mut config = Config::new();
        config
            .user(&target.user)
            .dbname(&target.dbname)
            .port(target.port)
            .ssl_mode(mode);
        config.application_name(&target.application_name);
        for host in target.host.split(',') {
            config.host(host);
        }
        if let Some(options) = &target.options {
            config.options(options);
        }
        if target.channel_binding_required {
            config.channel_binding(tokio_postgres::config::ChannelBinding::Require);
        }
        if let Some(password) = &target.password {
            config.password(password.secret.reveal());
        }
        if !target.connect_timeout.is_zero() {
            config.connect_timeout(target.connect_timeout);
        }
        if !target.keepalives_idle.is_zero() {
            config.keepalives_idle(target.keepalives_idle);
        }
        let (client, mut driver) = config
            .connect(tls.clone())
            .await
            .map_err(|error| SqlError::of(&error))?;
        let server_version = driver.parameter("server_version").unwrap_or_default().to_owned();
        let ended = Arc::new(Mutex::new(None));
        let reason = Arc::clone(&ended);
        let notices = session.notices.clone();
        tokio::spawn(async move {
            while let Some(message) = poll_fn(|cx| driver.poll_message(cx)).await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) => {
                        if let Some(notices) = &notices {
                            notices(Notice {
                                severity: notice.severity().to_owned(),
                                message: notice.message().to_owned(),
                            });
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        // Known before the driver goes away and the waiting statements learn that it did.
                        *reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(SqlError::of(&error));
                        break;
                    }
                }
            }
        });
        let mut connection = Self {
            cancel: Cancel {
                token: client.cancel_token(),
                tls: tls.clone(),
                running: Arc::default(),
            },
            client,
            server_version,
            facts: session::Facts::default(),
            ended,
            in_transaction: AtomicBool::new(false),
            nested: AtomicBool::new(false),
            attempt: Attempt::default(),
            types: Mutex::default(),
            comment: Mutex::default(),
            observer: session.observer.clone(),
        };
        connection.facts = session::prepare(&connection.client, target, session)
            .await
            .map_err(|error| connection.explain(&error))?;
        Ok(connection)
    }

    /// Such as `15.4 (Debian 15.4-1)`.
    pub fn server_version(&self) -> &str {
        &self.server_version
    }

    /// The number of the server's process, as `pg_stat_activity` knows it.
    pub fn process(&self) -> i32 {
        self.facts.process
    }

    /// How long the session waits for a lock, unless somebody has set that anew; zero where it waits for ever.
    pub fn lock_timeout(&self) -> Duration {
        self.facts.lock_timeout
    }

    /// Such as 15; zero where the server does not tell.
    pub fn server_major(&self) -> u32 {
        let digits = self.server_version.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// The driver's client, for work that this type has no words for.
    pub fn into_client(self) -> Client {
        self.client
    }

    pub fn cancel_handle(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Whether the session has ended.
    pub fn is_lost(&self) -> bool {
        self.client.is_closed() || self.ended().is_some_and(|error| error.lost)
    }

    /// A statement was given up before the server had answered.
    pub(super) fn is_abandoned(&self) -> bool {
        self.cancel.running.load(Ordering::SeqCst) > 0
    }

    /// Whether a transaction block is open, as far as the statements sent tell.
    pub fn in_transaction(&self) -> bool {
        self.in_transaction.load(Ordering::SeqCst)
    }

    pub(super) fn set_in_transaction(&self, open: bool) {
        self.in_transaction.store(open, Ordering::SeqCst);
    }

    /// Runs one or more statements in one round trip, in one transaction unless they say otherwise. Answers with the
    /// rows that each statement returned or touched (zero for those that do neither).
    pub async fn batch(&self, sql: &str) -> Result<Vec<u64>, SqlError> {
        let sent = self.sent(sql)?;
        let work = self.tracked(sql, async {
            let mut messages = pin!(self.client.simple_query_raw(&sent.sql).await?);
            let mut counts = Vec::new();
            while let Some(message) = messages.next().await {
                if let SimpleQueryMessage::CommandComplete(count) = message? {
                    counts.push(count);
                }
            }
            Ok(counts)
        });
        self.guarded(sql, Box::pin(work))
            .await
            .map_err(|error| sent.placed(error))
    }

    /// Runs one or more statements and answers with the last result, as text. Types are told where the text is a
    /// single statement. All rows are held in memory.
    pub async fn table(&self, sql: &str) -> Result<Table, SqlError> {
        let single = statements(sql).len() == 1;
        let sent = self.sent(sql)?;
        let work = self.tracked(sql, async {
            let rows = self.last_result(&sent.sql);
            if single {
                // Both go out at once; the server describes the statement before it runs it.
                let (described, rows) = futures_util::future::join(self.client.prepare(&sent.sql), rows).await;
                match (described, rows) {
                    // In a transaction block the second only says that the first failed.
                    (Err(error), Err(_)) => Err(error),
                    (described, rows) => Ok((described.ok(), rows?)),
                }
            } else {
                Ok((None, rows.await?))
            }
        });
        let (described, result) = self
            .guarded(sql, Box::pin(work))
            .await
            .map_err(|error| sent.placed(error))?;
        let mut table = result;
        if let Some(statement) = described
            && statement.columns().len() == table.columns.len()
            && !table.columns.is_empty()
        {
            table.columns = self.named(statement.columns()).await?;
        }
        table.response = super::tag::response(sql, table.affected.unwrap_or(0));
        Ok(table)
    }

    /// Runs one or more statements whose rows nobody wants; what the server says of the last.
    pub async fn run(&self, sql: &str) -> Result<Table, SqlError> {
        let affected = self.batch(sql).await?.last().copied();
        Ok(Table {
            affected,
            response: super::tag::response(sql, affected.unwrap_or(0)),
            ..Table::default()
        })
    }

    async fn last_result(&self, sql: &str) -> Result<Table, tokio_postgres::Error> {
        let mut messages = pin!(self.client.simple_query_raw(sql).await?);
        let mut table = Table::default();
        let mut complete = false;
        while let Some(message) = messages.next().await {
            match message? {
                SimpleQueryMessage::RowDescription(columns) => {
                    table = Table {
                        columns: columns
                            .iter()
                            .map(|column| Column {
                                name: column.name().to_owned(),
                                data_type: String::new(),
                            })
                            .collect(),
                        ..Table::default()
                    };
                    complete = false;
                }
                SimpleQueryMessage::Row(row) => {
                    table
                        .rows
                        .push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
                }
                SimpleQueryMessage::CommandComplete(count) => {
                    if complete {
                        table = Table::default();
                    }
                    complete = true;
                    table.affected = Some(count);
                }
                _ => {}
            }
        }
        Ok(table)
    }

    /// The columns that a statement would return, without running it.
    pub async fn describe(&self, sql: &str) -> Result<Vec<Column>, SqlError> {
        let work = self.followed(sql, self.client.prepare(sql));
        let statement = self.guarded("", Box::pin(work)).await?;
        // A prepared `begin` opens nothing.
        self.named(statement.columns()).await
    }

    async fn named(&self, columns: &[tokio_postgres::Column]) -> Result<Vec<Column>, SqlError> {
        let keys: Vec<(u32, i32)> = columns
            .iter()
            .map(|column| (column.type_().oid(), column.type_modifier()))
            .collect();
        let missing: Vec<(u32, i32)> = {
            let known = self.types.lock().unwrap_or_else(PoisonError::into_inner);
            keys.iter().filter(|key| !known.contains_key(key)).copied().collect()
        };
        if !missing.is_empty() {
            let (oids, modifiers): (Vec<u32>, Vec<i32>) = missing.iter().copied().unzip();
            let rows = self
                .query(
                    "select pg_catalog.format_type(o, m) from unnest($1::oid[], $2::int4[]) with ordinality as t (o, m, n) \
                     order by n",
                    &[&oids, &modifiers],
                )
                .await?;
            let mut known = self.types.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(missing.into_iter().zip(rows.iter().map(|row| row.get(0))));
        }
        let known = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(columns
            .iter()
            .zip(&keys)
            .map(|(column, key)| Column {
                name: column.name().to_owned(),
                data_type: known.get(key).cloned().unwrap_or_default(),
            })
            .collect())
    }

    /// One statement with bound parameters.
    pub async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, SqlError> {
        let work = self.tracked(sql, self.client.query(sql, parameters));
        self.guarded(sql, Box::pin(work)).await
    }

    /// One statement with bound parameters; the number of rows it touched.
    pub async fn execute(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, SqlError> {
        let work = self.tracked(sql, self.client.execute(sql, parameters));
        self.guarded(sql, Box::pin(work)).await
    }

    /// `COPY .. FROM STDIN` fed from a stream of chunks; the number of rows. An error in the stream ends the copy
    /// without effect.
    pub async fn copy_in<S>(&self, sql: &str, chunks: S) -> Result<u64, SqlError>
    where
        S: Stream<Item = std::io::Result<Vec<u8>>> + Send,
    {
        let mut input_error = None;
        let sent = self.sent(sql)?;
        let work = self.tracked(sql, async {
            let mut sink = pin!(self.client.copy_in::<_, Cursor<Vec<u8>>>(&*sent.sql).await?);
            let mut chunks = pin!(chunks);
            while let Some(chunk) = chunks.next().await {
                match chunk {
                    Ok(chunk) => sink.send(Cursor::new(chunk)).await?,
                    Err(error) => {
                        input_error = Some(error);
                        return Ok(0);
                    }
                }
            }
            sink.finish().await
        });
        let copied = self.guarded(sql, Box::pin(work)).await;
        match input_error {
            Some(error) => Err(SqlError::client(format!("the rows to copy cannot be read: {error}"))),
            None => copied,
        }
    }

    pub async fn begin(&self) -> Result<(), SqlError> {
        self.batch("begin").await.map(|_| ())
    }

    pub async fn commit(&self) -> Result<(), SqlError> {
        self.batch("commit").await.map(|_| ())
    }

    pub async fn rollback(&self) -> Result<(), SqlError> {
        self.batch("rollback").await.map(|_| ())
    }

    /// Work begins that may have to be done again: nothing of it is settled yet.
    pub fn begin_attempt(&self) {
        self.attempt.begin();
    }

    /// The last failure of the work, and whether nothing of the work is settled: then it may be done again.
    pub fn attempt_failure(&self) -> Option<(SqlError, bool)> {
        let failure = self.attempt.failure()?;
        Some((failure, !self.attempt.is_settled()))
    }

    /// What may have been settled is known to be undone.
    pub fn attempt_undone(&self) {
        self.attempt.set_settled(false);
    }

    /// A batch that leaves the same however often it runs: it does not keep the work from being done again.
    pub async fn repeatable_batch(&self, sql: &str) -> Result<Vec<u64>, SqlError> {
        let settled = self.attempt.is_settled();
        let done = self.batch(sql).await;
        self.attempt.set_settled(settled);
        done
    }

    async fn tracked<T>(
        &self,
        sql: &str,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, SqlError> {
        let in_transaction = self.in_transaction();
        let done = self.followed(sql, work).await;
        // Within a transaction around it nothing is settled.
        let (settling, open) = if self.is_nested() {
            ("", true)
        } else {
            (sql, in_transaction)
        };
        self.attempt.note(settling, open, done.as_ref().err());
        done
    }

    /// What opens, parts and ends a transaction around everything, past the book of the blocks in it.
    pub(super) async fn plainly(&self, sql: &str) -> Result<(), SqlError> {
        let done = Box::pin(self.counted(sql, self.client.batch_execute(sql))).await;
        self.attempt.note(sql, true, done.as_ref().err());
        done
    }

    /// Keeps count of what runs and of the transaction block. A future that is dropped half-way stays counted: its
    /// statement may still be running, so the connection is of no use to anybody else.
    async fn followed<T>(
        &self,
        sql: &str,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, SqlError> {
        let result = self.counted(sql, work).await;
        let (state, opened) = block(sql);
        match &result {
            Ok(_) => match state {
                Block::Opened => self.in_transaction.store(true, Ordering::SeqCst),
                Block::Closed => self.in_transaction.store(false, Ordering::SeqCst),
                Block::Kept => {}
            },
            Err(_) if opened => self.in_transaction.store(true, Ordering::SeqCst),
            Err(_) => {}
        }
        result
    }

    async fn counted<T>(
        &self,
        sql: &str,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, SqlError> {
        self.watched(Passage::Sent(sql));
        let sent = Instant::now();
        self.cancel.running.fetch_add(1, Ordering::SeqCst);
        let result = work.await;
        self.cancel.running.fetch_sub(1, Ordering::SeqCst);
        let result = result.map_err(|error| self.explain(&error));
        self.watched(Passage::Answered {
            seconds: sent.elapsed().as_secs_f64(),
            error: result.as_ref().err(),
        });
        result
    }

    fn watched(&self, passage: Passage<'_>) {
        if let Some(observer) = &self.observer {
            observer(passage);
        }
    }

    fn explain(&self, error: &tokio_postgres::Error) -> SqlError {
        let told = SqlError::of(error);
        if error.is_closed() {
            SqlError::gone(self.ended())
        } else {
            if told.lost {
                *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(told.clone());
            }
            told
        }
    }

    fn ended(&self) -> Option<SqlError> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
