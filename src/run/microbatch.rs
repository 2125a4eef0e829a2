//! Microbatch models: a node built one batch of time after the other, each like a node of its own.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::graph::{Batch, IncrementalStrategy, Node, ResourceType};
use crate::plan::{Action, Step};
use crate::sql::{Narrowing, Relation, Span};

use super::context::RunContext;
use super::event::Event;
use super::execute::{NodeRun, ended};
use super::host::RunHost;
use super::result::{BatchResults, NodeResult, Status};
use super::retry::run_node;
use super::strategy::strategy_of;

/// The batches of a model in an earlier run, each from its start up to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchSpans {
    pub successful: Vec<(Timestamp, Timestamp)>,
    pub failed: Vec<(Timestamp, Timestamp)>,
}

/// Builds every batch of a step in order. Where the first cannot be built the others are not tried, as there may be no table to
/// add them to; any other may fail by itself.
pub(super) async fn run_batches(context: &Arc<RunContext>, step: &Step, thread: &str) -> NodeResult {
    let started = Timestamp::now();
    let node = &step.node;
    let own = |status, message: String, batches, diagnostic| {
        let mut result = ended(node, status, started, thread, None);
        result.relation_name = Some(node.relation.to_string());
        result.failures = Some(0);
        result.message = Some(message);
        result.batches = Some(batches);
        result.diagnostic = diagnostic;
        result
    };
    let (Some(spec), Action::Microbatch { incremental, .. }) = (&node.config.microbatch, &step.action) else {
        let internal = Diagnostic::error("internal", format!("{} has no batches", node.id));
        return own(
            Status::Error,
            "ERROR".to_owned(),
            BatchResults::default(),
            Some(internal),
        );
    };
    let flags = &context.flags;
    let before = context.retried.get(&node.id);
    let of = |spans: &[(Timestamp, Timestamp)]| -> Vec<Batch> {
        let batch = |(start, end): &(Timestamp, Timestamp)| Batch {
            start: *start,
            end: *end,
            size: spec.size,
        };
        spans.iter().map(batch).collect()
    };
    let batches = match before {
        Some(before) => of(&before.failed),
        None => spec.batches(*incremental, flags.event_time, flags.started),
    };
    let total = batches.len();
    let mut done = BatchResults::default();
    let mut first_problem = None;
    let mut first_failed = false;
    for (position, batch) in batches.into_iter().enumerate() {
        let one = one_batch(step, batch, (position, total), before.is_some());
        let (index, batch_node) = (position + 1, Arc::clone(&one.node));
        let result = if first_failed || context.interrupt.is_raised() {
            let mut skipped = NodeResult::skipped(batch_node, None);
            thread.clone_into(&mut skipped.thread);
            skipped
        } else {
            context.tell(Event::BatchStarted {
                index,
                total,
                node: batch_node,
                thread: thread.to_owned(),
            });
            run_one(context, one, thread).await
        };
        if result.status == Status::Success {
            done.successful.push(batch);
        } else {
            first_failed |= position == 0;
            done.failed.push(batch);
            first_problem = first_problem.or_else(|| result.diagnostic.clone());
        }
        context.tell(Event::BatchFinished {
            index,
            total,
            result: Arc::new(result),
        });
    }
    // As in dbt, batches of the run before say nothing about this one, and are kept for the next.
    let (built, failed) = (done.successful.len(), done.failed.len());
    let total = built + failed;
    let (status, message) = match (built, failed) {
        (_, 0) => (Status::Success, "SUCCESS".to_owned()),
        (0, _) => (Status::Error, "ERROR".to_owned()),
        _ => (Status::PartialSuccess, format!("PARTIAL SUCCESS ({built}/{total})")),
    };
    done.successful
        .extend(before.into_iter().flat_map(|before| of(&before.successful)));
    own(status, message, done, first_problem)
}

async fn run_one(context: &Arc<RunContext>, step: Step, thread: &str) -> NodeResult {
    let node = Arc::clone(&step.node);
    let results = run_node(context, step, thread).await;
    let own = results.into_iter().next();
    own.unwrap_or_else(|| NodeResult::skipped(node, None))
}

/// The step of one batch. Hooks run once: before the first batch, and after the last. `retried`: some batches stand since an
/// earlier run.
fn one_batch(step: &Step, batch: Batch, (position, total): (usize, usize), retried: bool) -> Step {
    let mut node = Node::clone(&step.node);
    node.batch = Some(batch);
    if position > 0 {
        node.config.pre_hooks.clear();
        node.config.raw.insert("pre-hook".to_owned(), Json::Array(Vec::new()));
    }
    if position > 0 || retried {
        // What stands now holds the batches before.
        node.config.full_refresh = Some(false);
        node.config.raw.insert("full_refresh".to_owned(), Json::Bool(false));
    }
    if position + 1 < total {
        node.config.pointer = None;
        node.config.post_hooks.clear();
        node.config.raw.insert("post-hook".to_owned(), Json::Array(Vec::new()));
    }
    let action = match &step.action {
        Action::Microbatch {
            existing,
            incremental,
            id,
        } => {
            let incremental = *incremental || position > 0 || retried;
            match id {
                Some(id) => Action::Jinja {
                    id: id.clone(),
                    incremental,
                },
                None if incremental => Action::Delta,
                None => Action::Incremental { existing: *existing },
            }
        }
        other => other.clone(),
    };
    Step {
        node: Arc::new(node),
        action,
        ..step.clone()
    }
}

impl NodeRun {
    /// A batch is merged, for which PostgreSQL needs to know what makes two rows the same.
    pub(super) fn check_batch_key(&self) -> Result<(), Diagnostic> {
        let config = &self.step.node.config;
        if strategy_of(config) != IncrementalStrategy::Microbatch || !config.unique_key.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::error(
            "missing-key",
            format!("the microbatch model {} has no `unique_key`", self.step.node.name),
        )
        .at(self.step.node.declared.clone())
        .because("a batch that is built again is merged into the table, row by row")
        .help("set `unique_key` to the columns that tell rows apart"))
    }
}

impl RunHost {
    /// What a template reads of a node: nothing at all in an empty run, and of a node with an `event_time` the rows of the
    /// batch that is built, and of the sample that was asked for.
    pub(super) fn narrowed(&self, mut relation: Relation, target: &Node) -> Relation {
        if self.is_stable() {
            return relation;
        }
        let column = target.config.raw.get("event_time").and_then(Json::as_str);
        let builds = matches!(self.node().resource_type, ResourceType::Model | ResourceType::Snapshot);
        let batch = self.node().batch.as_ref().map(|batch| (batch.start, batch.end));
        let window = match (batch, self.sample()) {
            (Some((start, end)), Some((from, to))) => Some((start.max(from), end.min(to))),
            (batch, sample) => batch.or(sample),
        };
        let span = window
            .zip(column.filter(|_| builds))
            .map(|((start, end), column)| Span {
                column: quoted(target, column),
                from: Batch::written(start),
                to: Batch::written(end),
            });
        let nothing = self.is_empty_run();
        if nothing || span.is_some() {
            relation.narrowing = Some(Box::new(Narrowing { nothing, span }));
        }
        relation
    }
}

/// The column as the properties of its relation say.
fn quoted(target: &Node, column: &str) -> String {
    let described = target.columns.values().find(|known| known.name == column);
    if described.is_some_and(|known| known.quote) {
        crate::sql::ident(column)
    } else {
        column.to_owned()
    }
}
