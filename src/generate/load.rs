//! Loads generated rows into a server by `COPY`, over several connections, with the indexes made afterwards.

use std::future::Future;
use std::io::Cursor;
use std::pin::pin;

use futures_util::SinkExt as _;
use futures_util::future::{join, join_all, try_join_all};
use jiff::Timestamp;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::Client;

use super::origin::Origin;
use super::{Domain, Manifest, Part, PartName, Progress, Sink, Spec, Table, ddl, generate, tables};
use crate::diagnostic::Diagnostic;
use crate::sql::ident;

/// One `CopyData` message is at most so long.
const PIECE: usize = 1 << 18;
/// The advisory lock of whoever loads, so that two loads never mix.
const LOCK: i64 = 0x6173_7361_7967_656E;

/// What to do with rows that are there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadMode {
    /// Refuse.
    #[default]
    Empty,
    /// Remove them first.
    Replace,
    /// Add what arrived after the newest of them.
    Append,
}

#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    pub mode: LoadMode,
    /// How many connections copy at the same time, besides the one that makes tables.
    pub connections: usize,
}

/// Makes the raw tables where they are missing and loads `spec` into them. `connect` gives a new connection each time
/// it is called; `spec.after` is set by the mode. A load that fails takes its rows back; where it cannot, or was
/// dropped, a later `Append` is refused until a `Replace`.
pub async fn load<Connect, Connecting>(
    spec: &Spec,
    options: LoadOptions,
    connect: Connect,
    progress: impl Fn(Progress) + Clone + Send + Sync + 'static,
) -> Result<Manifest, Diagnostic>
where
    Connect: Fn() -> Connecting,
    Connecting: Future<Output = Result<Client, Diagnostic>>,
{
    spec.check()?;
    let main = connect().await?;
    lock(&main).await?;
    let mut manifest = Manifest::of(spec);
    for domain in spec.distinct_domains() {
        let spec = Spec {
            domains: vec![domain],
            ..spec.clone()
        };
        let spec = Spec {
            after: prepare(&main, &spec, domain, options.mode).await?,
            ..spec
        };
        let clients = try_join_all((0..options.connections.max(1)).map(|_| connect())).await?;
        match copy(&spec, clients, progress.clone()).await {
            Ok(loaded) => {
                manifest.after = manifest.after.or(loaded.after);
                manifest.exp = manifest.exp.or(loaded.exp);
                manifest.voice = manifest.voice.or(loaded.voice);
                manifest.rasa = manifest.rasa.or(loaded.rasa);
            }
            Err(failure) => return Err(undo(&main, &spec, domain, failure).await),
        }
        finish(&main, &spec, domain).await?;
    }
    Ok(manifest)
}

async fn lock(main: &Client) -> Result<(), Diagnostic> {
    let row = main
        .query_one("select pg_catalog.pg_try_advisory_lock($1)", &[&LOCK])
        .await;
    if row
        .map_err(|error| server("cannot take the lock of the generator", &error))?
        .get::<_, bool>(0)
    {
        return Ok(());
    }
    Err(Diagnostic::error(
        "generate-locked",
        "generated rows are being loaded into this database already",
    )
    .because("another connection holds the lock of the generator")
    .help("wait for the other load to end, or stop it"))
}

/// Gives the newest arrival where rows are appended.
async fn prepare(main: &Client, spec: &Spec, domain: Domain, mode: LoadMode) -> Result<Option<Timestamp>, Diagnostic> {
    let (make_tables, indexes) = split(ddl(domain));
    execute(main, "cannot make the raw tables", make_tables).await?;
    let occupied = occupied(main, domain).await?;
    let after = match mode {
        _ if occupied.is_empty() => None,
        LoadMode::Empty => {
            return Err(Diagnostic::error(
                "generate-not-empty",
                format!("{} holds rows already", occupied[0].plain()),
            )
            .because(format!("of the raw tables of {domain}, {} hold rows", occupied.len()))
            .help("`--replace` removes them, `--append` adds what arrived since, another database keeps them"));
        }
        LoadMode::Replace => {
            empty(main, domain).await?;
            None
        }
        LoadMode::Append => {
            Origin::of(spec, domain).check(main).await?;
            newest(main, domain).await?
        }
    };
    if let Some(after) = after.filter(|after| *after > spec.arrived_by()) {
        let message = format!(
            "the raw tables of {domain} already hold what had arrived by {}",
            spec.arrived_by()
        );
        return Err(Diagnostic::error("generate-until", message)
            .because(format!("the newest row arrived at {after}"))
            .help("append up to a later moment"));
    }
    Origin::begin(main, domain).await?;
    if after.is_none() {
        for name in index_names(indexes) {
            let drop = format!(
                "drop index if exists {}.{}",
                ident(tables(domain)[0].schema),
                ident(name)
            );
            execute(main, "cannot drop an index before the load", &drop).await?;
        }
    }
    Ok(after)
}

async fn occupied(main: &Client, domain: Domain) -> Result<Vec<&'static Table>, Diagnostic> {
    let mut occupied = Vec::new();
    for table in tables(domain) {
        let query = format!("select exists (select 1 from {})", table.quoted());
        let row = main.query_one(&query, &[]).await;
        if row
            .map_err(|error| server(&format!("cannot read {}", table.plain()), &error))?
            .get(0)
        {
            occupied.push(*table);
        }
    }
    Ok(occupied)
}

async fn newest(main: &Client, domain: Domain) -> Result<Option<Timestamp>, Diagnostic> {
    let each = tables(domain)
        .iter()
        .map(|t| format!("(select max({}) from {})", ident(t.arrival), t.quoted()));
    let query = format!("select greatest({})", each.collect::<Vec<_>>().join(", "));
    let row = main.query_one(&query, &[]).await;
    Ok(row
        .map_err(|error| server("cannot read the newest arrival", &error))?
        .get(0))
}

async fn finish(main: &Client, spec: &Spec, domain: Domain) -> Result<(), Diagnostic> {
    execute(main, "cannot make the indexes", split(ddl(domain)).1).await?;
    for table in tables(domain) {
        execute(main, "cannot gather statistics", &format!("analyze {}", table.quoted())).await?;
    }
    Origin::of(spec, domain).end(main).await
}

/// Takes back what was loaded, as far as the server still listens.
async fn undo(main: &Client, spec: &Spec, domain: Domain, failure: Diagnostic) -> Diagnostic {
    let undone = match spec.after {
        None => empty(main, domain).await,
        Some(after) => take_back(main, spec, domain, after).await,
    };
    match undone {
        Ok(()) => failure,
        Err(_) => failure.help("some rows were loaded and could not be removed: load once more with `--replace`"),
    }
}

async fn empty(main: &Client, domain: Domain) -> Result<(), Diagnostic> {
    let names: Vec<String> = tables(domain).iter().map(|table| table.quoted()).collect();
    execute(
        main,
        "cannot empty the raw tables",
        &format!("truncate {}", names.join(", ")),
    )
    .await
}

async fn take_back(main: &Client, spec: &Spec, domain: Domain, after: Timestamp) -> Result<(), Diagnostic> {
    for table in tables(domain).iter().rev() {
        let delete = format!("delete from {} where {} > $1", table.quoted(), ident(table.arrival));
        let deleted = main.execute(&delete, &[&after]).await;
        deleted.map_err(|error| server(&format!("cannot delete from {}", table.plain()), &error))?;
    }
    Origin::of(spec, domain).end(main).await
}

async fn copy(
    spec: &Spec,
    clients: Vec<Client>,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<Manifest, Diagnostic> {
    let (jobs, queue) = mpsc::channel(clients.len());
    let spec = Spec {
        threads: spec.threads.max(clients.len()),
        ..spec.clone()
    };
    let making = tokio::task::spawn_blocking(move || generate(&spec, &CopySink { jobs }, &progress));
    let queue = Mutex::new(queue);
    let copying = join_all(clients.iter().map(|client| work(client, &queue)));
    let (made, _) = join(making, copying).await;
    made.unwrap_or_else(|panic| {
        Err(Diagnostic::error("generate-failed", "the generator broke off").because(panic.to_string()))
    })
}

/// A part on its way to the server.
struct Job {
    table: &'static Table,
    rows: Vec<u8>,
    done: oneshot::Sender<Result<(), Diagnostic>>,
}

async fn work(client: &Client, queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = queue.lock().await.recv().await;
        let Some(Job { table, rows, done }) = job else { return };
        let copied = copy_part(client, table, &rows).await;
        // The one who waits may be gone, after another part failed.
        let _ = done.send(copied.map_err(|error| server(&format!("cannot load {}", table.plain()), &error)));
    }
}

async fn copy_part(client: &Client, table: &Table, rows: &[u8]) -> Result<(), tokio_postgres::Error> {
    let columns: Vec<String> = table.columns.iter().map(|column| ident(column)).collect();
    let statement = format!("copy {} ({}) from stdin", table.quoted(), columns.join(", "));
    let mut sink = pin!(client.copy_in::<_, Cursor<Vec<u8>>>(&statement).await?);
    for piece in rows.chunks(PIECE) {
        sink.send(Cursor::new(piece.to_vec())).await?;
    }
    sink.finish().await?;
    Ok(())
}

/// Hands parts to the connections and waits for each to be loaded.
struct CopySink {
    jobs: mpsc::Sender<Job>,
}

struct CopyPart<'a> {
    jobs: &'a mpsc::Sender<Job>,
    table: &'static Table,
    rows: Vec<u8>,
}

impl Sink for CopySink {
    fn begin<'a>(&'a self, table: &'static Table, _: &PartName) -> Result<Box<dyn Part + 'a>, Diagnostic> {
        Ok(Box::new(CopyPart {
            jobs: &self.jobs,
            table,
            rows: Vec::new(),
        }))
    }
}

impl Part for CopyPart<'_> {
    fn write(&mut self, copy_text: &[u8]) -> Result<(), Diagnostic> {
        self.rows.extend_from_slice(copy_text);
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<(), Diagnostic> {
        let stopped = || Diagnostic::error("generate-stopped", "the load was stopped");
        let (done, loaded) = oneshot::channel();
        let job = Job {
            table: self.table,
            rows: self.rows,
            done,
        };
        self.jobs.blocking_send(job).map_err(|_| stopped())?;
        loaded.blocking_recv().unwrap_or_else(|_| Err(stopped()))
    }
}

/// The statements that make tables, and those that make indexes.
fn split(ddl: &'static str) -> (&'static str, &'static str) {
    ddl.split_once("-- After a load:").unwrap_or((ddl, ""))
}

fn index_names(indexes: &str) -> impl Iterator<Item = &str> {
    indexes
        .lines()
        .filter_map(|line| line.strip_prefix("create index if not exists ")?.split(' ').next())
}

async fn execute(client: &Client, what: &str, statements: &str) -> Result<(), Diagnostic> {
    client
        .batch_execute(statements)
        .await
        .map_err(|error| server(what, &error))
}

/// What the server, or the way to it, said.
pub(super) fn server(what: &str, error: &tokio_postgres::Error) -> Diagnostic {
    let failure = Diagnostic::error("generate-server", what);
    let Some(said) = error.as_db_error() else {
        return failure
            .because(error.to_string())
            .help("check that the server still runs, then load again");
    };
    let detail = said.detail().map_or(String::new(), |detail| format!("\n{detail}"));
    failure
        .because(format!("{} (SQLSTATE {}){detail}", said.message(), said.code().code()))
        .help("if something else made the raw tables, name another database or drop their schema")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_come_after_the_tables() {
        for domain in Domain::ALL {
            let (tables, indexes) = split(ddl(domain));
            assert!(!tables.contains("create index"));
            assert!(!indexes.contains("create table"));
            let names: Vec<&str> = index_names(indexes).collect();
            assert_eq!(names.len(), indexes.matches("create index").count());
            assert!(names.iter().all(|name| name.ends_with("_idx")), "{names:?}");
        }
    }

    #[test]
    fn every_table_is_made_with_its_columns() {
        for domain in Domain::ALL {
            for table in tables(domain) {
                let head = format!("create table if not exists {} (\n", table.plain());
                let body = ddl(domain).split_once(&head).expect("the table is made").1;
                let body = body.split_once("\n);").expect("the statement ends").0;
                for column in table.columns {
                    assert!(
                        body.lines()
                            .any(|line| line.trim_start().starts_with(&format!("{column} "))),
                        "{column}"
                    );
                }
            }
        }
    }
}
