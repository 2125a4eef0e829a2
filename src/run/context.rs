//! What every part of a run shares.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use indexmap::IndexMap;
use jiff::Timestamp;

use crate::diagnostic::{Diagnostic, Verdict, WarnError};
use crate::gate::{Keep, Ledger, Models, Wanted};
use crate::graph::Variables;
use crate::graph::entry::{Compiled, FlatGraph};
use crate::graph::{Graph, Node, NodeId};
use crate::jinja::{Engine, Global};
use crate::postgres::Pool;
use crate::project::Certification;
use crate::sql::Relation;

use super::certificate::Freshnesses;
use super::deferral::Deferral;
use super::event::{Event, Events, Level};
use super::interrupt::Interrupt;
use super::layout::Layout;
use super::microbatch::BatchSpans;
use super::query_comment::QueryComment;
use super::touched::Gone;

/// What was asked for on the command line.
#[derive(Clone, Debug)]
pub struct Flags {
    /// `build`, `run`, `test`...
    pub command: String,
    pub invocation_id: String,
    pub threads: usize,
    pub full_refresh: bool,
    /// Audits of deltas look at whole relations.
    pub audit_full: bool,
    pub fail_fast: bool,
    /// Whether `print(..)` is heard.
    pub print: bool,
    /// dbt's lenience instead of errors.
    pub lenient: bool,
    /// No rows are read: everything is built, and stays empty.
    pub empty: bool,
    /// Failing rows of every test are kept.
    pub store_failures: bool,
    /// The span of time that microbatch models are built for, instead of the newest batches.
    pub event_time: Option<(Timestamp, Timestamp)>,
    /// The window of time that is read of what has an `event_time`.
    pub sample: Option<(Timestamp, Timestamp)>,
    /// When the command began; where an earlier run is tried again, when that did.
    pub started: Timestamp,
    /// Which warnings are errors.
    pub warn_error: Arc<WarnError>,
}

/// The gate of a project that has one.
#[derive(Clone, Debug)]
pub struct Gate {
    pub ledger: Ledger,
    pub readers: Vec<String>,
    pub keep: Keep,
    /// What is published stays where its model is public no more.
    pub keep_removed: bool,
    /// All that a run publishes becomes visible at once.
    pub together: bool,
    /// What the project publishes.
    pub models: Arc<Models>,
    pub certification: Certification,
}

impl Gate {
    /// What readers are to have.
    #[must_use]
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted {
            schema: &self.ledger.schema,
            readers: &self.readers,
            models: &self.models,
        }
    }

    /// The published names of the project's models.
    pub fn names(&self) -> Vec<&str> {
        self.models.keys().map(String::as_str).collect()
    }
}

/// Made once a run and shared by everything in it.
pub struct RunContext {
    pub graph: Arc<Graph>,
    pub engine: Engine,
    pub vars: Arc<Variables>,
    pub pool: Pool,
    pub flags: Flags,
    pub gate: Option<Gate>,
    /// ISO 8601, UTC.
    pub as_of: Option<String>,
    pub layout: Layout,
    /// What every template sees, whatever its node.
    pub base_globals: IndexMap<String, Global>,
    /// The entries of nodes, for `model`.
    pub flat: Arc<FlatGraph>,
    pub interrupt: Interrupt,
    pub events: Events,
    pub made: Made,
    /// Which of database, schema and identifier the project quotes.
    pub quoted: [bool; 3],
    pub query_comment: QueryComment,
    /// Where another run built what this one does not.
    pub deferral: OnceLock<Deferral>,
    /// Batches of an earlier run that is tried again: those that it built are not built again.
    pub retried: HashMap<NodeId, BatchSpans>,
}

/// Versions made in this run, which its later nodes read before readers may.
#[derive(Debug, Default)]
pub struct Made {
    versions: RwLock<HashMap<NodeId, Relation>>,
    /// The version that readers saw of each published model when the run began.
    standing: RwLock<HashMap<NodeId, Relation>>,
    /// What deltas of this run took away.
    gone: RwLock<HashMap<NodeId, Gone>>,
    /// How fresh the sources were when the run began.
    pub(super) freshnesses: OnceLock<Freshnesses>,
    /// What was compiled, for the manifest.
    compiled: RwLock<HashMap<NodeId, Compiled>>,
    /// A warning that counts as an error came up.
    raised: AtomicBool,
}

impl Made {
    pub fn note_compiled(&self, id: &NodeId, compiled: Compiled) {
        let mut all = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(Arc::clone(id), compiled);
    }

    /// Everything compiled so far; nothing is left behind.
    pub fn take_compiled(&self) -> HashMap<NodeId, Compiled> {
        std::mem::take(&mut *self.compiled.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RunContext {
    pub fn tell(&self, event: Event) {
        self.events.tell(event);
    }

    /// Something that is wrong with a node but stops nothing.
    /// Where warnings are errors the node stays as it is, and the command fails.
    pub fn warn(&self, node: &Node, code: &'static str, message: &str) {
        let text = format!("{}: {message}", node.name);
        match self.flags.warn_error.verdict(code) {
            Verdict::Silent => {}
            Verdict::Warning => self.events.message(Level::Warn, text),
            Verdict::Error => {
                self.made.raised.store(true, Ordering::Relaxed);
                let warning = Diagnostic::warning(code, text);
                self.events.tell(Event::Diagnostic(
                    self.flags.warn_error.judged(warning.clone()).unwrap_or(warning),
                ));
            }
        }
    }

    /// Whether a warning that counts as an error came up while running.
    pub fn has_raised(&self) -> bool {
        self.made.raised.load(Ordering::Relaxed)
    }

    /// Where this run reads a node: its new version where it has one, else its place.
    #[must_use]
    pub fn readable(&self, node: &Node) -> Relation {
        let made = self.made.versions.read().unwrap_or_else(PoisonError::into_inner);
        made.get(&node.id).cloned().unwrap_or_else(|| node.relation.clone())
    }

    /// Where a published model reads a node: its new version, else the version that stands. A version of a view must not
    /// hang on a published view, which could then not be made anew under it.
    #[must_use]
    pub fn readable_version(&self, node: &Node) -> Relation {
        let made = self.made.versions.read().unwrap_or_else(PoisonError::into_inner);
        let standing = self.made.standing.read().unwrap_or_else(PoisonError::into_inner);
        let found = made.get(&node.id).or_else(|| standing.get(&node.id));
        found.cloned().unwrap_or_else(|| node.relation.clone())
    }

    pub fn set_standing(&self, id: &NodeId, version: Relation) {
        let mut standing = self.made.standing.write().unwrap_or_else(PoisonError::into_inner);
        standing.insert(Arc::clone(id), version);
    }

    /// What a delta of this run took away, once it is committed.
    pub(super) fn gone(&self, id: &NodeId) -> Option<Gone> {
        let gone = self.made.gone.read().unwrap_or_else(PoisonError::into_inner);
        gone.get(id).cloned()
    }

    pub(super) fn set_gone(&self, id: &NodeId, what: Gone) {
        let mut gone = self.made.gone.write().unwrap_or_else(PoisonError::into_inner);
        gone.insert(Arc::clone(id), what);
    }

    /// The delta was undone.
    pub(super) fn forget_gone(&self, id: &NodeId) {
        let mut gone = self.made.gone.write().unwrap_or_else(PoisonError::into_inner);
        gone.remove(id);
    }

    /// Relations that steps left for later ones, and that nothing needs once the run is over.
    #[must_use]
    pub fn spent(&self) -> Vec<Relation> {
        let gone = self.made.gone.read().unwrap_or_else(PoisonError::into_inner);
        let tables = gone.values().flat_map(|gone| gone.tables.values().flatten());
        tables.filter(|table| table.schema != "pg_temp").cloned().collect()
    }

    /// From now on the node is read where its readers read it.
    pub fn clear_readable(&self, id: &NodeId) {
        let mut made = self.made.versions.write().unwrap_or_else(PoisonError::into_inner);
        made.remove(id);
    }

    /// The version that readers see of a published model.
    #[must_use]
    pub(super) fn standing_version(&self, id: &NodeId) -> Option<Relation> {
        let standing = self.made.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing.get(id).cloned()
    }

    /// Whether readers see a version of the node.
    #[must_use]
    pub fn stands(&self, id: &NodeId) -> bool {
        let standing = self.made.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing.contains_key(id)
    }

    pub fn set_readable(&self, id: &NodeId, relation: Relation) {
        let mut made = self.made.versions.write().unwrap_or_else(PoisonError::into_inner);
        made.insert(Arc::clone(id), relation);
    }
}
