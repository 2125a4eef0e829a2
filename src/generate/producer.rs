//! Runs a domain's generator: chunks in parallel, hashes and sums in the order of the chunks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::chunk::Chunk;
use super::copy::Rows;
use super::{Domain, PartName, Sink, Spec, Table, TableManifest};
use crate::diagnostic::Diagnostic;

/// How far a generation has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub domain: Domain,
    pub chunks_done: usize,
    pub chunks: usize,
    /// Rows written so far, all tables of the domain together.
    pub rows: u64,
}

/// A domain's generator.
pub(super) trait Producer: Sync {
    /// What is summed up over all chunks.
    type Tally: Default + Send;

    fn domain(&self) -> Domain;
    fn chunks(&self, rows: u64, chunk_rows: u64) -> Vec<Chunk>;
    /// Rows that belong to no session.
    fn head(&self, _batch: &mut Batch) {}
    fn produce(&self, chunk: &Chunk, batch: &mut Batch) -> Self::Tally;
    fn merge(&self, sum: &mut Self::Tally, next: Self::Tally);
    /// Rows made from the sum over all sessions.
    fn tail(&self, sum: &Self::Tally, batch: &mut Batch);
}

/// Rows of several tables.
#[derive(Debug)]
pub(super) struct Batch {
    parts: Vec<(&'static Table, Rows)>,
}

impl Batch {
    pub fn new(domain: Domain) -> Self {
        let parts = super::tables(domain)
            .iter()
            .map(|table| (*table, Rows::default()))
            .collect();
        Self { parts }
    }

    pub fn rows(&mut self, table: &'static Table) -> &mut Rows {
        let found = self.parts.iter().position(|(other, _)| other.name == table.name);
        let index = found.expect("a domain writes only to its own tables");
        &mut self.parts[index].1
    }

    fn send(&self, sink: &dyn Sink, name: &PartName) -> Result<(), Diagnostic> {
        for (table, rows) in self.parts.iter().filter(|(_, rows)| rows.count() > 0) {
            let mut part = sink.begin(table, name)?;
            part.write(rows.bytes())?;
            part.end()?;
        }
        Ok(())
    }
}

/// What a run leaves.
pub(super) struct Outcome<Tally> {
    pub tables: IndexMap<String, TableManifest>,
    pub tally: Tally,
}

/// What the threads share; chunks are added in their order.
struct Sum<Tally> {
    next: usize,
    tally: Tally,
    digests: Vec<(&'static Table, Sha256, TableManifest)>,
    failure: Option<Diagnostic>,
}

impl<Tally> Sum<Tally> {
    fn digest(&mut self, batch: &Batch) {
        for ((_, hash, manifest), (_, rows)) in self.digests.iter_mut().zip(&batch.parts) {
            hash.update(rows.bytes());
            manifest.rows += rows.count();
            manifest.bytes += u64::try_from(rows.bytes().len()).unwrap_or(u64::MAX);
        }
    }

    fn rows(&self) -> u64 {
        self.digests.iter().map(|(_, _, manifest)| manifest.rows).sum()
    }
}

pub(super) fn run<P: Producer>(
    producer: &P,
    spec: &Spec,
    sink: &dyn Sink,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Outcome<P::Tally>, Diagnostic> {
    let domain = producer.domain();
    let chunks = producer.chunks(spec.target_rows(), spec.chunk_rows);
    let digests = super::tables(domain)
        .iter()
        .map(|table| (*table, Sha256::new(), TableManifest::default()));
    let mut sum = Sum {
        next: 0,
        tally: P::Tally::default(),
        digests: digests.collect(),
        failure: None,
    };
    let mut head = Batch::new(domain);
    producer.head(&mut head);
    head.send(sink, &PartName::Head)?;
    sum.digest(&head);

    let shared = Shared {
        sum: Mutex::new(sum),
        turn: Condvar::new(),
        stop: AtomicBool::new(false),
    };
    let taken = AtomicUsize::new(0);
    let work = || {
        while !shared.stop.load(Ordering::Relaxed) {
            let index = taken.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(index) else { return };
            let mut batch = Batch::new(domain);
            let tally = producer.produce(chunk, &mut batch);
            if let Err(failure) = batch.send(sink, &PartName::Sessions(chunk.sessions.clone())) {
                return shared.fail(failure);
            }
            let Some(mut sum) = shared.wait_for(index) else { return };
            sum.digest(&batch);
            producer.merge(&mut sum.tally, tally);
            sum.next += 1;
            let done = Progress {
                domain,
                chunks_done: sum.next,
                chunks: chunks.len(),
                rows: sum.rows(),
            };
            drop(sum);
            shared.turn.notify_all();
            progress(done);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..spec.threads.clamp(1, chunks.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });

    let mut sum = shared.sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = sum.failure.take() {
        return Err(failure);
    }
    let mut tail = Batch::new(domain);
    producer.tail(&sum.tally, &mut tail);
    tail.send(sink, &PartName::Tail)?;
    sum.digest(&tail);
    let tables = sum.digests.into_iter().map(|(table, hash, mut manifest)| {
        manifest.sha256 = hex(&hash.finalize());
        (table.plain(), manifest)
    });
    Ok(Outcome {
        tables: tables.collect(),
        tally: sum.tally,
    })
}

struct Shared<Tally> {
    sum: Mutex<Sum<Tally>>,
    turn: Condvar,
    stop: AtomicBool,
}

impl<Tally> Shared<Tally> {
    fn lock(&self) -> MutexGuard<'_, Sum<Tally>> {
        self.sum.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, failure: Diagnostic) {
        self.stop.store(true, Ordering::Relaxed);
        self.lock().failure.get_or_insert(failure);
        self.turn.notify_all();
    }

    /// The sum when it is the chunk's turn; nothing when another thread failed.
    fn wait_for(&self, index: usize) -> Option<MutexGuard<'_, Sum<Tally>>> {
        let sum = self.lock();
        let sum = self
            .turn
            .wait_while(sum, |sum| sum.next != index && sum.failure.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        sum.failure.is_none().then_some(sum)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
