//! Readers that never rest, each with a connection that it keeps.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, Error, NoTls};

use super::shop::{SAME, SHOWN, Shown};
use crate::support::{Numbers, Server};

pub struct Readers {
    watch: Arc<Watch>,
    threads: Vec<JoinHandle<()>>,
}

struct Watch {
    server: &'static Server,
    database: String,
    /// A run publishes all at once.
    together: bool,
    /// Whether a connection may be lost: the server is crashed in this trial.
    crashes: AtomicBool,
    done: AtomicBool,
    reads: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

/// How a reader looks: single statements; a set in one; a snapshot for all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Single,
    Set,
    Snapshot,
}

impl Readers {
    pub fn start(server: &'static Server, database: &str, together: bool, seed: u64) -> Self {
        let watch = Arc::new(Watch {
            server,
            database: database.to_owned(),
            together,
            crashes: AtomicBool::new(false),
            done: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            wrong: Mutex::default(),
        });
        let threads = [Manner::Single, Manner::Set, Manner::Snapshot]
            .into_iter()
            .map(|manner| {
                let watch = Arc::clone(&watch);
                thread::spawn(move || watch.poll(manner, seed))
            })
            .collect();
        Self { watch, threads }
    }

    /// From now on a lost connection is nobody's fault.
    pub fn expect_crash(&self) {
        self.watch.crashes.store(true, Ordering::SeqCst);
    }

    /// How often they looked, and what they should not have seen.
    pub fn stop(self) -> (u64, Vec<String>) {
        self.watch.done.store(true, Ordering::SeqCst);
        for thread in self.threads {
            if thread.join().is_err() {
                self.watch
                    .wrong
                    .lock()
                    .expect("no poison")
                    .push("a reader panicked".to_owned());
            }
        }
        let wrong = std::mem::take(&mut *self.watch.wrong.lock().expect("no poison"));
        (self.watch.reads.load(Ordering::SeqCst), wrong)
    }
}

impl Watch {
    fn poll(&self, manner: Manner, seed: u64) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut numbers = Numbers(seed ^ manner as u64);
        let mut client = self.connect(&runtime);
        while !self.done.load(Ordering::SeqCst) {
            let looked = match manner {
                Manner::Single => self.single(&runtime, &client, &mut numbers),
                Manner::Set => self.set(&runtime, &client, &mut numbers),
                Manner::Snapshot => self.snapshot(&runtime, &client, &mut numbers),
            };
            match looked {
                Ok(()) => {
                    self.reads.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) if self.is_crash(&error) => {
                    // The next trial begins with its own readers; this one goes on once the server is there again.
                    client = self.connect(&runtime);
                }
                Err(error) => {
                    self.object(format!("a reader got an error: {error} {:?}", error.as_db_error()));
                    let _ = runtime.block_on(client.batch_execute("rollback"));
                    if client.is_closed() {
                        client = self.connect(&runtime);
                    }
                }
            }
            // Others want the processor, too.
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(2)).await });
        }
    }

    fn connect(&self, runtime: &Runtime) -> Client {
        let mut config = Config::new();
        config
            .host_path(&self.server.socket)
            .user("it_trial_reader")
            .dbname(&self.database);
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            match runtime.block_on(config.connect(NoTls)) {
                Ok((client, connection)) => {
                    runtime.spawn(connection);
                    return client;
                }
                Err(error) => {
                    if !self.crashes.load(Ordering::SeqCst) {
                        self.object(format!("a reader cannot connect: {error}"));
                    }
                    assert!(Instant::now() < end, "{error}");
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }

    fn is_crash(&self, error: &Error) -> bool {
        // 57P01 to 57P03: shut down, crashed, starting up.
        let lost = error.code().is_none_or(|code| code.code().starts_with("57P0"));
        lost && self.crashes.load(Ordering::SeqCst)
    }

    fn object(&self, what: String) {
        let mut wrong = self.wrong.lock().expect("no poison");
        if wrong.len() < 10 {
            wrong.push(what);
        }
    }

    fn single(&self, runtime: &Runtime, client: &Client, numbers: &mut Numbers) -> Result<(), Error> {
        let shown = &SHOWN[usize::try_from(numbers.below(SHOWN.len() as u64)).expect("small")];
        let rows = runtime.block_on(client.simple_query(&look_at(shown)))?;
        self.judge(shown, &fields(&rows), "");
        Ok(())
    }

    /// Both sets in one statement each, in any order of their members.
    fn set(&self, runtime: &Runtime, client: &Client, numbers: &mut Numbers) -> Result<(), Error> {
        for set in ["dim", "pair"] {
            let members = shuffled(set, numbers);
            let looks: Vec<String> = members
                .iter()
                .map(|shown| format!("(select min(stamp) || ' ' || max(stamp) from analytics.{})", shown.name))
                .collect();
            let rows = runtime.block_on(client.simple_query(&format!("select {}", looks.join(", "))))?;
            self.judge_set(set, &fields(&rows), "one statement");
        }
        if self.together {
            let said = fields(&runtime.block_on(client.simple_query(SAME))?);
            if said[0] != said[1] {
                self.object(format!("half of a publication: fact and daily say {said:?}"));
            }
        }
        Ok(())
    }

    /// A transaction that reads the members of a set one after the other.
    fn snapshot(&self, runtime: &Runtime, client: &Client, numbers: &mut Numbers) -> Result<(), Error> {
        for set in ["dim", "pair"] {
            let members = shuffled(set, numbers);
            // A snapshot from before a version was made would show none of its rows; the lock comes before the snapshot.
            runtime.block_on(client.batch_execute(&format!(
                "begin isolation level repeatable read; lock table analytics.{} in access share mode",
                members[0].name
            )))?;
            let mut stamps = Vec::new();
            for (place, shown) in members.iter().enumerate() {
                let rows = runtime.block_on(client.simple_query(&look_at(shown)))?;
                let seen = fields(&rows);
                self.judge(shown, &seen, &format!(", {} of a snapshot", place + 1));
                stamps.push(format!("{} {}", seen[2], seen[3]));
                if numbers.below(4) == 0 {
                    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(numbers.below(30))).await });
                }
            }
            self.judge_set(set, &stamps, "one snapshot");
            runtime.block_on(client.batch_execute("commit"))?;
        }
        Ok(())
    }

    fn judge(&self, shown: &Shown, seen: &[String], how: &str) {
        if seen[0] == "0" {
            self.object(format!("{} is empty{how}", shown.name));
        }
        if !seen[1].is_empty() {
            self.object(format!(
                "{} shows rows that no audit has passed ({}){how}",
                shown.name, seen[1]
            ));
        }
    }

    fn judge_set(&self, set: &str, stamps: &[String], how: &str) {
        let (first, _) = stamps[0].split_once(' ').unwrap_or((&stamps[0], ""));
        if stamps.iter().any(|stamp| *stamp != format!("{first} {first}")) {
            self.object(format!("half of the set {set} in {how}: {stamps:?}"));
        }
    }
}

/// Rows, what is bad about them and must not be, first and last stamp.
fn look_at(shown: &Shown) -> String {
    let stamps = if shown.set.is_empty() {
        "null, null"
    } else {
        "min(stamp), max(stamp)"
    };
    format!(
        "select count(*), string_agg(distinct bad, ' ') filter (where bad = any (string_to_array('{}', ' '))), {stamps} from analytics.{}",
        shown.never, shown.name
    )
}

fn shuffled(set: &str, numbers: &mut Numbers) -> Vec<&'static Shown> {
    let mut members: Vec<&Shown> = SHOWN.iter().filter(|shown| shown.set == set).collect();
    for place in (1..members.len()).rev() {
        members.swap(place, usize::try_from(numbers.below(place as u64 + 1)).expect("small"));
    }
    members
}

fn fields(messages: &[tokio_postgres::SimpleQueryMessage]) -> Vec<String> {
    let row = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.expect("aggregates have a row");
    (0..row.len())
        .map(|place| row.get(place).unwrap_or_default().to_owned())
        .collect()
}
