//! What came of a run, node by node.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::compile::Compiled;
use super::thread::current_thread;
use crate::diagnostic::Diagnostic;
use crate::gate::{Changes, SourceEvidence};
use crate::graph::{Batch, Node, NodeId, ResourceType, entry};

/// dbt's statuses (`run_results.json`, v6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// A model or seed that was built.
    Success,
    /// A model or seed that could not be built, or a test that could not be asked.
    Error,
    /// A test that found too much, of error level.
    Fail,
    /// A test that found too much, of warning level.
    Warn,
    /// Not tried, because something before it went wrong or the run was stopped.
    Skipped,
    /// A test that found nothing.
    Pass,
    /// A source whose freshness could not be told.
    RuntimeError,
    /// Some batches of a microbatch model were built.
    PartialSuccess,
    /// Nothing to do: an exposure.
    NoOp,
}

impl Status {
    /// As dbt writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Skipped => "skipped",
            Self::Pass => "pass",
            Self::RuntimeError => "runtime error",
            Self::PartialSuccess => "partial success",
            Self::NoOp => "no-op",
        }
    }

    /// Whether the command ends with exit code 1 because of it.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Error | Self::Fail | Self::RuntimeError | Self::PartialSuccess
        )
    }
}

/// From when to when a part of the work took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub started: Timestamp,
    pub completed: Timestamp,
}

/// The batches that a run of a microbatch model was about, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchResults {
    pub successful: Vec<Batch>,
    /// Those that were not tried too.
    pub failed: Vec<Batch>,
}

/// The overloads of a function, by the names of their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverloadResults {
    pub successful: Vec<String>,
    pub failed: Vec<String>,
}

/// When a source was loaded last, seen from the moment of asking.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceAge {
    /// The first moment of the year 1 for a source without rows: infinitely long ago.
    pub max_loaded_at: Timestamp,
    pub snapshotted_at: Timestamp,
    pub seconds: f64,
}

#[derive(Clone, Debug)]
pub struct NodeResult {
    pub node: Arc<Node>,
    pub status: Status,
    /// Rendering the template; `None` where it was not reached.
    pub compile: Option<Span>,
    /// The work on the server; `None` where it was not reached.
    pub execute: Option<Span>,
    /// Which of the threads did it, such as `Thread-1`.
    pub thread: String,
    /// From start to end, waiting for a connection included.
    pub execution_time_seconds: f64,
    /// What the server said, such as `SELECT 5`, or what a test found, such as
    /// `Got 2 results, configured to fail if != 0`.
    pub message: Option<String>,
    /// What a test counted.
    pub failures: Option<u64>,
    pub rows_affected: Option<u64>,
    /// The command tag without its count, such as `INSERT`.
    pub code: Option<String>,
    pub compiled_code: Option<String>,
    /// The relation as it is written in SQL; `None` where the node has none.
    pub relation_name: Option<String>,
    /// Where the compiled SQL was written, below the project's root.
    pub compiled_path: Option<String>,
    /// What went wrong, where something did.
    pub diagnostic: Option<Diagnostic>,
    /// What came of the batches of a microbatch model.
    pub batches: Option<BatchResults>,
    /// What came of the overloads of a function.
    pub overloads: Option<OverloadResults>,
    /// The node that kept this one from being tried.
    pub skipped_because: Option<NodeId>,
    /// How old a source is.
    pub age: Option<SourceAge>,
}

impl NodeResult {
    /// A node that was rendered and not run; a seed has no SQL.
    pub fn compiled(node: &Arc<Node>, started: Timestamp, compiled: Option<&Compiled>) -> Self {
        let now = Timestamp::now();
        let tests = matches!(node.resource_type, ResourceType::Test | ResourceType::Analysis);
        Self {
            status: Status::Success,
            compile: Some(Span {
                started,
                completed: now,
            }),
            execute: Some(Span {
                started: now,
                completed: now,
            }),
            thread: current_thread(),
            execution_time_seconds: now.duration_since(started).as_secs_f64(),
            compiled_code: compiled.map(|compiled| compiled.sql.clone()),
            relation_name: (!tests).then(|| node.relation.to_string()),
            compiled_path: compiled.map(|compiled| compiled.path.clone()),
            ..Self::skipped(Arc::clone(node), None)
        }
    }

    /// A node that was not tried.
    pub fn skipped(node: Arc<Node>, because: Option<NodeId>) -> Self {
        Self {
            node,
            status: Status::Skipped,
            compile: None,
            execute: None,
            thread: String::new(),
            execution_time_seconds: 0.0,
            message: None,
            failures: None,
            rows_affected: None,
            code: None,
            compiled_code: None,
            relation_name: None,
            compiled_path: None,
            diagnostic: None,
            batches: None,
            overloads: None,
            skipped_because: because,
            age: None,
        }
    }
}

/// A certified version that readers see.
#[derive(Clone, Debug)]
pub struct Published {
    pub model: Arc<Node>,
    /// The name of the version.
    pub version: String,
    /// Rows in the version, where they were counted.
    pub rows: Option<u64>,
    /// Tests that its certificate rests on.
    pub tests: usize,
    /// Tests that warned, and what they counted.
    pub warnings: Vec<(Arc<Node>, u64)>,
    /// How fresh the sources were that it stands on.
    pub sources: Vec<SourceEvidence>,
    /// How its rows differ from what readers saw; `None` where that was not counted here.
    pub changes: Option<Changes>,
    /// Whether readers see something else than before the run.
    pub changed: bool,
}

/// A failed audit.
#[derive(Clone, Debug)]
pub struct FailedAudit {
    pub test: Arc<Node>,
    /// What the test counted; `None` where it could not be asked.
    pub failures: Option<u64>,
    /// The SQL that shows the rows, below the project's root.
    pub compiled_path: Option<String>,
}

/// Why a model was not published.
#[derive(Clone, Debug)]
pub enum HeldBecause {
    /// Its own audits failed.
    Audits(Vec<FailedAudit>),
    /// It could not be built.
    NotBuilt,
    /// A source above it is older than its limit, and fresh ones are required: which, and how old.
    Stale(String),
    /// A model that it reads was held back or could not be built.
    Parent(Arc<Node>),
    /// It passed, but the set it is published with did not.
    Set(Arc<Node>),
}

/// A published model whose new version readers do not see.
#[derive(Clone, Debug)]
pub struct Held {
    pub model: Arc<Node>,
    pub because: HeldBecause,
    /// When what readers still see was certified; `None` where nothing ever was.
    pub standing: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct RunResult {
    pub started: Timestamp,
    pub elapsed_seconds: f64,
    pub results: Vec<NodeResult>,
    pub published: Vec<Published>,
    pub held_back: Vec<Held>,
    /// What was compiled, ephemeral models with it.
    pub compiled: HashMap<NodeId, entry::Compiled>,
    /// Stopped by the user.
    pub interrupted: bool,
}

impl RunResult {
    /// Of a run that had nothing to do.
    pub fn nothing(started: Timestamp) -> Self {
        Self {
            started,
            elapsed_seconds: 0.0,
            results: Vec::new(),
            published: Vec::new(),
            held_back: Vec::new(),
            compiled: HashMap::new(),
            interrupted: false,
        }
    }

    /// Whether nothing failed, so that the command may end with exit code 0.
    pub fn is_success(&self) -> bool {
        !self.interrupted && self.held_back.is_empty() && !self.results.iter().any(|r| r.status.is_failure())
    }

    pub fn count(&self, statuses: &[Status]) -> usize {
        self.results
            .iter()
            .filter(|result| statuses.contains(&result.status))
            .count()
    }
}
