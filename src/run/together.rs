//! The transaction that publishes a set: its deltas, what reads them before anybody else may, and the switch of its views.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::gate::PublishError;
use crate::graph::{NodeId, ResourceType};
use crate::plan::{Action, Plan, PublishSet, Step};
use crate::postgres::{PooledConnection, SqlError};
use crate::sql::Relation;

use super::blocker::Blockers;
use super::changes::count_changes;
use super::context::{Gate, RunContext};
use super::event::{Event, Level};
use super::execute::{NodeRun, ended};
use super::part::Part;
use super::publication::{
    SetEnd, against, held, hold, publication, publish_diagnostic, published_delta, published_version, release, settle,
    unknown,
};
use super::result::{NodeResult, Status};
use super::retry::{Repeats, cause, explain_lock, look_again};
use super::thread::on_thread;

/// Who its steps say works on them.
const THREAD: &str = "Publication";

/// What the steps of a transaction share beside their connection.
#[derive(Debug, Default)]
pub(super) struct Inside {
    /// Deltas that went into a copy, which is published with the set.
    copies: Mutex<HashMap<NodeId, Relation>>,
}

impl Inside {
    pub fn note_copy(&self, id: &NodeId, copy: &Relation) {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.insert(Arc::clone(id), copy.clone());
    }

    pub fn copy_of(&self, id: &NodeId) -> Option<Relation> {
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.get(id).cloned()
    }

    fn copies(&self) -> HashMap<NodeId, Relation> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How the transaction of a set ended.
pub(super) struct TogetherEnd {
    pub set: SetEnd,
    /// Of the steps inside; what was undone is skipped.
    pub results: Vec<NodeResult>,
}

/// The transaction of one set.
pub(super) struct Together {
    context: Arc<RunContext>,
    plan: Arc<Plan>,
    set: PublishSet,
    /// Of everything that ended before.
    before: IndexMap<NodeId, NodeResult>,
    /// How many steps of the run have started.
    started: Arc<AtomicUsize>,
    told: HashMap<NodeId, (usize, Option<Status>)>,
    repeats: Repeats,
}

/// How one try ended.
enum Tried {
    /// All of it is committed.
    Committed(HashMap<NodeId, Relation>, Vec<super::result::Published>),
    /// Nothing is: something did not pass.
    Held,
    /// Nothing is: everything passed, and could not be published.
    Refused(Diagnostic),
    /// Nothing is, for a reason that may pass by then.
    Again(SqlError, Duration),
}

impl Together {
    pub fn new(
        context: &Arc<RunContext>,
        plan: &Arc<Plan>,
        set: usize,
        before: IndexMap<NodeId, NodeResult>,
        started: &Arc<AtomicUsize>,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            plan: Arc::clone(plan),
            set: plan.sets[set].clone(),
            before,
            started: Arc::clone(started),
            told: HashMap::new(),
            repeats: Repeats::default(),
        }
    }

    /// Runs the steps inside and publishes the set, or leaves everything as it was.
    pub async fn run(mut self) -> TogetherEnd {
        let mut results = self.barred();
        if !results.is_empty() {
            return self.end(results, Tried::Held).await;
        }
        loop {
            let outcome = self.attempt(&mut results).await;
            if !matches!(outcome, Tried::Committed(..)) {
                self.forget();
            }
            if let Tried::Again(error, wait) = &outcome
                && self.wait(error, *wait).await
            {
                results.clear();
                continue;
            }
            return self.end(results, outcome).await;
        }
    }

    /// What becomes of a transaction that an error ended.
    fn ended_by(&mut self, error: SqlError) -> Tried {
        match self.next(&error) {
            Some(wait) => Tried::Again(error, wait),
            None => Tried::Refused(error.diagnostic()),
        }
    }

    /// How long to wait before all of it is tried again; `None` where it is not.
    fn next(&mut self, error: &SqlError) -> Option<Duration> {
        let wait = self.repeats.next(error, self.context.pool.target().retries);
        wait.filter(|_| !self.context.interrupt.is_raised())
    }

    /// Whether the time has passed, and nobody stopped the run meanwhile.
    async fn wait(&self, error: &SqlError, wait: Duration) -> bool {
        let told = format!(
            "{}: {}; trying all of it again in {} s",
            self.names(),
            error.message,
            wait.as_secs_f64()
        );
        self.context.events.message(Level::Warn, told);
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = self.context.interrupt.raised() => false,
        }
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.set.inside.iter().filter_map(|id| self.plan.steps.get(id))
    }

    fn members(&self) -> Vec<&Step> {
        let members = self.set.members.iter();
        members.filter_map(|id| self.plan.steps.get(id)).collect()
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.members().iter().map(|step| step.node.name.as_str()).collect();
        names.join(", ")
    }

    /// Skips everything where the set is held back before its transaction has begun.
    fn barred(&mut self) -> IndexMap<NodeId, NodeResult> {
        let culprit = self.set.members.iter().find_map(|id| {
            let step = self.plan.steps.get(id)?;
            let because = against(&self.plan, &step.node, &self.before);
            because.first().map(|result| Arc::clone(&result.node.id))
        });
        let mut results = IndexMap::new();
        if let Some(culprit) = culprit {
            let left: Vec<Step> = self.steps().cloned().collect();
            for step in left {
                let id = Arc::clone(&step.node.id);
                if !self.before.contains_key(&id) {
                    let result = NodeResult::skipped(step.node, Some(Arc::clone(&culprit)));
                    self.tell_end(&result);
                    results.insert(id, result);
                }
            }
        }
        results
    }

    /// What was made here, or was about to be, is not there.
    fn forget(&self) {
        for step in self.steps() {
            self.context.clear_readable(&step.node.id);
            self.context.forget_gone(&step.node.id);
        }
    }

    async fn attempt(&mut self, results: &mut IndexMap<NodeId, NodeResult>) -> Tried {
        let Some(gate) = self.context.gate.clone() else {
            return Tried::Held;
        };
        let connection = match self.context.pool.get().await {
            Ok(connection) => Arc::new(connection),
            Err(diagnostic) => return Tried::Refused(diagnostic),
        };
        // What it leaves in its session is for nobody else.
        connection.retire();
        let fence = gate.ledger.fence_sql(&self.context.flags.invocation_id);
        if let Err(error) = connection.enter(&fence).await {
            return self.ended_by(error);
        }
        let inside = Arc::new(Inside::default());
        if let Some((error, wait)) = self.all_steps(&connection, &inside, results).await {
            // Where this fails the session is gone, and its transaction with it.
            let _ = connection.give_up().await;
            return Tried::Again(error, wait);
        }
        let all = self.all(results);
        let passed = |step: &&Step| against(&self.plan, &step.node, &all).is_empty();
        if !self.members().iter().all(passed) || self.context.interrupt.is_raised() {
            let _ = connection.give_up().await;
            return Tried::Held;
        }
        // Whatever else fails now, this has passed.
        connection.spare();
        self.publish(&gate, connection, &inside, &all).await
    }

    /// Runs the steps one after another; the error for which all of them have to be run again, if there is one.
    async fn all_steps(
        &mut self,
        connection: &Arc<PooledConnection>,
        inside: &Arc<Inside>,
        results: &mut IndexMap<NodeId, NodeResult>,
    ) -> Option<(SqlError, Duration)> {
        let mut stopped = false;
        for id in self.set.inside.clone() {
            let Some(step) = self.plan.steps.get(&id).cloned() else {
                continue;
            };
            if results.contains_key(&id) || self.before.contains_key(&id) {
                continue;
            }
            stopped |= self.context.interrupt.is_raised() || connection.is_lost();
            let because = self.blocked(&step, results);
            if stopped || because.is_some() || matches!(step.action, Action::AuditInside { .. }) {
                let result = NodeResult::skipped(Arc::clone(&step.node), because);
                self.tell_end(&result);
                results.insert(id, result);
                continue;
            }
            let done = match self.step(connection, inside, step).await {
                Ok(done) => done,
                Err(again) => return Some(again),
            };
            // The audits first: the step's own failure is why others are skipped.
            for result in done.into_iter().rev() {
                let bad = result.status.is_failure();
                stopped |= bad && self.context.flags.fail_fast && result.status != Status::RuntimeError;
                if !bad {
                    self.context.note_built(&result.node.id);
                }
                self.tell_end(&result);
                results.insert(Arc::clone(&result.node.id), result);
            }
        }
        None
    }

    /// What keeps a step from starting.
    fn blocked(&self, step: &Step, results: &IndexMap<NodeId, NodeResult>) -> Option<NodeId> {
        let owner = match &step.action {
            // It has not run although its owner has.
            Action::AuditInside { owner } => Some(Arc::clone(owner)),
            _ => None,
        };
        let bad = step.waits_for.iter().find(|id| {
            let Some(result) = results.get(*id).or_else(|| self.before.get(*id)) else {
                return false;
            };
            let failed = result.status.is_failure();
            let goes_on = failed
                && self
                    .plan
                    .steps
                    .get(*id)
                    .is_some_and(|step| step.node.continues_on_error());
            (failed || result.status == Status::Skipped) && !goes_on
        });
        bad.cloned().or(owner)
    }

    async fn step(
        &mut self,
        connection: &Arc<PooledConnection>,
        inside: &Arc<Inside>,
        mut step: Step,
    ) -> Result<Vec<NodeResult>, (SqlError, Duration)> {
        self.tell_start(&step);
        let node = Arc::clone(&step.node);
        let started = Timestamp::now();
        if step.action == Action::Nothing {
            return Ok(vec![NodeResult {
                failures: Some(0),
                ..ended(&node, Status::NoOp, started, THREAD, None)
            }]);
        }
        let part = match Part::enter(connection).await {
            Ok(part) => part,
            Err(error) => return self.broken(&step, error, started),
        };
        look_again(connection, &mut step).await;
        let again = step.clone();
        connection.begin_attempt();
        let run = NodeRun::inside(&self.context, step, connection, inside, THREAD.to_owned());
        let blockers = Blockers::of(&self.context.pool, connection);
        let work = Box::pin(run.execute());
        let mut results = on_thread(THREAD.to_owned(), Arc::clone(&node.id), work).await;
        let blocked_by = blockers.told();
        drop(blockers);
        if let Some((error, _)) = cause(&results, connection) {
            if let Some(wait) = self.next(&error) {
                return Err((error, wait));
            }
            if error.lost {
                return Ok(results);
            }
            explain_lock(&mut results, &error, connection, &self.context, &node, blocked_by).await;
        }
        // A test that found something leaves nothing; what it stored is of use until the end.
        let well = results.first().is_none_or(|own| !matches!(own.status, Status::Error));
        match part.leave(connection, well).await {
            Ok(()) => Ok(results),
            Err(error) => self.broken(&again, error, started),
        }
    }

    /// The transaction itself failed around a step.
    fn broken(
        &mut self,
        step: &Step,
        error: SqlError,
        started: Timestamp,
    ) -> Result<Vec<NodeResult>, (SqlError, Duration)> {
        if let Some(wait) = self.next(&error) {
            return Err((error, wait));
        }
        let mut result = ended(&step.node, Status::Error, started, THREAD, None);
        result.message = Some(error.message.clone());
        result.diagnostic = Some(error.diagnostic());
        Ok(vec![result])
    }

    /// Certifies and publishes what has passed, and commits all of it.
    async fn publish(
        &mut self,
        gate: &Gate,
        connection: Arc<PooledConnection>,
        inside: &Inside,
        results: &IndexMap<NodeId, NodeResult>,
    ) -> Tried {
        let (context, plan) = (&Arc::clone(&self.context), &Arc::clone(&self.plan));
        let members: Vec<&Step> = self.set.members.iter().filter_map(|id| plan.steps.get(id)).collect();
        let is_version = |step: &&Step| matches!(step.action, Action::Version { .. });
        let versions: Vec<&Step> = members.iter().copied().filter(is_version).collect();
        let changes = count_changes(context, &connection, &versions, results).await;
        let copies = inside.copies();
        let copied = members.iter().filter_map(|step| {
            let copy = copies.get(&step.node.id)?;
            Some(publication(&step.node, copy))
        });
        let copied = copied.collect();
        match release(context, gate, plan, &connection, &versions, results, &changes, copied).await {
            Ok(()) => {}
            Err(error) => {
                let _ = connection.give_up().await;
                return match error {
                    PublishError::Sql(error) => self.ended_by(error),
                    error => Tried::Refused(publish_diagnostic(&error)),
                };
            }
        }
        if let Err(error) = connection.leave().await {
            if !error.lost {
                let _ = connection.give_up().await;
                return self.ended_by(error);
            }
            // Its place in the pool is needed to ask.
            drop(connection);
            match self.ask(gate, &copies).await {
                Ok(true) => {
                    let told = format!(
                        "{}: {}; the ledger says that it is published",
                        self.names(),
                        error.message
                    );
                    context.events.message(Level::Warn, told);
                }
                Ok(false) => return self.ended_by(error),
                Err(second) => return Tried::Refused(unknown(&self.names(), &error, &second)),
            }
        }
        let mut published = Vec::new();
        for step in members {
            published.extend(published_delta(context, plan, step, results));
            published.extend(published_version(context, plan, step, results, &changes));
        }
        Tried::Committed(copies, published)
    }

    /// Whether a transaction whose COMMIT nobody answered took place: one of its rows in the ledger tells of all.
    async fn ask(&self, gate: &Gate, copies: &HashMap<NodeId, Relation>) -> Result<bool, Diagnostic> {
        let connection = self.context.pool.get().await?.spared();
        let run_id = &self.context.flags.invocation_id;
        let asked = async {
            for step in self.members() {
                let copy = copies.get(&step.node.id);
                match &step.action {
                    Action::Version { version, .. } => return gate.ledger.is_published(&connection, &[version]).await,
                    Action::PublishedDelta { version_id, .. } => {
                        return match copy {
                            Some(copy) => gate.ledger.is_published(&connection, &[copy]).await,
                            None => gate.ledger.took_delta(&connection, *version_id, run_id).await,
                        };
                    }
                    _ => {}
                }
            }
            Ok(false)
        };
        asked.await.map_err(|error| error.diagnostic())
    }

    /// What ended before, and what ended here.
    fn all(&self, results: &IndexMap<NodeId, NodeResult>) -> IndexMap<NodeId, NodeResult> {
        let mut all = self.before.clone();
        all.extend(results.iter().map(|(id, result)| (Arc::clone(id), result.clone())));
        all
    }

    /// Tells how it ended; what was undone has not happened.
    async fn end(self, mut results: IndexMap<NodeId, NodeResult>, outcome: Tried) -> TogetherEnd {
        let (context, plan) = (&self.context, &self.plan);
        let mut set = SetEnd {
            members: self.set.members.clone(),
            ..SetEnd::default()
        };
        let (committed, problem) = match outcome {
            Tried::Committed(copies, published) => {
                set.published = published;
                (Some(copies), None)
            }
            Tried::Refused(diagnostic) => (None, Some(diagnostic)),
            Tried::Held | Tried::Again(..) => (None, None),
        };
        let all = self.all(&results);
        let members = self.members();
        let versions: Vec<&Step> = members
            .iter()
            .copied()
            .filter(|step| matches!(step.action, Action::Version { .. }))
            .collect();
        if committed.is_none() {
            if let Some(gate) = &context.gate {
                let marked = async {
                    let connection = context.pool.get().await?.spared();
                    hold(gate, &connection, &versions, &all).await
                };
                set.problem = problem.or(marked.await.err());
                set.held = held(context, gate, plan, &members, &[], &all).await;
            }
            self.undo(&mut results, &set);
        }
        let all = self.all(&results);
        let mut ids: Vec<NodeId> = versions.iter().map(|step| Arc::clone(&step.node.id)).collect();
        for step in versions.iter().filter(|_| committed.is_some()) {
            if let Action::Version { version, .. } = &step.action {
                context.set_standing(&step.node.id, version.clone());
            }
        }
        for (id, copy) in committed.into_iter().flatten() {
            context.set_standing(&id, copy);
            ids.push(id);
        }
        settle(context, plan, ids, &all).await;
        TogetherEnd {
            set,
            results: results.into_values().collect(),
        }
    }

    /// Says of what had been done that it is undone.
    fn undo(&self, results: &mut IndexMap<NodeId, NodeResult>, set: &SetEnd) {
        let culprit = set.held.first().map(|held| Arc::clone(&held.model.id));
        let mut private = Vec::new();
        for step in self.steps() {
            let node = &step.node;
            let Some(result) = results.get_mut(&node.id) else {
                continue;
            };
            let test = matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest);
            if test || result.status != Status::Success {
                continue;
            }
            let mut undone = NodeResult::skipped(Arc::clone(node), culprit.clone());
            undone.thread.clone_from(&result.thread);
            undone.message = Some("undone: nothing of its set was published".to_owned());
            if step.is_gated() {
                if let Some(diagnostic) = &set.problem {
                    undone.status = Status::Error;
                    undone.message = Some(diagnostic.message.clone());
                    undone.diagnostic = Some(diagnostic.clone());
                }
            } else {
                private.push(node.name.as_str());
            }
            undone.compiled_code = result.compiled_code.take();
            undone.compiled_path = result.compiled_path.take();
            *result = undone;
        }
        if !private.is_empty() {
            let told = format!("{}: undone with the set that was not published", private.join(", "));
            self.context.events.message(Level::Warn, told);
        }
    }

    /// Once for each step, however often the transaction is tried.
    fn tell_start(&mut self, step: &Step) {
        let id = &step.node.id;
        if self.told.contains_key(id) {
            return;
        }
        let index = self.started.fetch_add(1, Ordering::SeqCst) + 1;
        self.told.insert(Arc::clone(id), (index, None));
        self.context.tell(Event::NodeStarted {
            index,
            total: self.plan.steps.len(),
            node: Arc::clone(&step.node),
            thread: THREAD.to_owned(),
        });
    }

    fn tell_end(&mut self, result: &NodeResult) {
        let total = self.plan.steps.len();
        let started = &self.started;
        let told = self.told.entry(Arc::clone(&result.node.id)).or_insert_with(|| {
            let index = started.fetch_add(1, Ordering::SeqCst) + 1;
            (index.min(total), None)
        });
        if told.1.replace(result.status) == Some(result.status) {
            return;
        }
        self.context.tell(Event::NodeFinished {
            index: told.0,
            total,
            result: Arc::new(result.clone()),
        });
    }
}
