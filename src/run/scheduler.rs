//! Runs the steps of a plan: what is ready, longest remaining path first, on as many connections as there are threads.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as AtomicOrdering};

use indexmap::IndexMap;
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::graph::NodeId;
use crate::plan::{Action, Plan, Step};

use super::context::RunContext;
use super::event::Event;
use super::execute::ended;
use super::microbatch::run_batches;
use super::publication::{SetEnd, finish_set};
use super::result::{NodeResult, RunResult, Status};
use super::retry::run_node;
use super::thread::on_thread;
use super::together::{Together, TogetherEnd};

/// A step that may start: the generation that is due first, then by what hangs on it.
#[derive(PartialEq)]
struct Ready {
    generation: usize,
    weight: f64,
    order: usize,
    id: NodeId,
}

impl Eq for Ready {}

impl Ord for Ready {
    fn cmp(&self, other: &Self) -> Ordering {
        let generations = other.generation.cmp(&self.generation);
        generations
            .then(self.weight.total_cmp(&other.weight))
            .then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

enum Finished {
    Step {
        id: NodeId,
        slot: usize,
        results: Vec<NodeResult>,
    },
    Set(usize, SetEnd),
    Together(usize, TogetherEnd),
}

struct Scheduler {
    context: Arc<RunContext>,
    plan: Arc<Plan>,
    /// Steps that a step still waits for.
    open: HashMap<NodeId, usize>,
    children: HashMap<NodeId, Vec<NodeId>>,
    /// How many steps lie before each, where they start generation by generation, as in dbt: templates that name a table
    /// without `ref` find it made. Else nothing.
    generations: HashMap<NodeId, usize>,
    ready: BinaryHeap<Ready>,
    /// Why a step will never start.
    blocked: HashMap<NodeId, NodeId>,
    results: IndexMap<NodeId, NodeResult>,
    /// For each publish set, how many steps and sets are still to come before it can be published; with those that its own
    /// transaction runs, before that can begin.
    set_open: Vec<usize>,
    sets_of: HashMap<NodeId, Vec<usize>>,
    /// Steps that wait for the end of a publish set.
    after_sets: HashMap<usize, Vec<NodeId>>,
    started: Arc<AtomicUsize>,
    total: usize,
    stopping: bool,
    ends: Vec<SetEnd>,
}

/// Runs a whole plan. Every step of it has a result in the end: what could not start is skipped.
pub async fn run(context: &Arc<RunContext>, plan: Plan) -> RunResult {
    let started = Timestamp::now();
    let clock = std::time::Instant::now();
    let plan = Arc::new(plan);
    let mut scheduler = Scheduler::new(context, &plan);
    scheduler.drive().await;
    scheduler.skip_what_is_left();
    let order: Vec<NodeId> = plan.steps.keys().cloned().collect();
    let mut results = scheduler.results;
    let results = order.iter().filter_map(|id| results.swap_remove(id)).collect();
    RunResult {
        started,
        elapsed_seconds: clock.elapsed().as_secs_f64(),
        results,
        published: scheduler
            .ends
            .iter()
            .flat_map(|end| end.published.iter().cloned())
            .collect(),
        held_back: scheduler.ends.iter().flat_map(|end| end.held.iter().cloned()).collect(),
        compiled: context.made.take_compiled(),
        interrupted: context.interrupt.is_raised(),
    }
}

/// Starts nothing: every step of the plan is skipped.
#[must_use]
pub fn skip_all(context: &Arc<RunContext>, plan: &Plan) -> RunResult {
    let total = plan.steps.len();
    let mut results = Vec::new();
    for (position, step) in plan.steps.values().enumerate() {
        let mut result = NodeResult::skipped(Arc::clone(&step.node), None);
        "MainThread".clone_into(&mut result.thread);
        context.tell(Event::NodeFinished {
            index: position + 1,
            total,
            result: Arc::new(result.clone()),
        });
        results.push(result);
    }
    RunResult {
        started: Timestamp::now(),
        elapsed_seconds: 0.0,
        results,
        published: Vec::new(),
        held_back: Vec::new(),
        compiled: context.made.take_compiled(),
        interrupted: context.interrupt.is_raised(),
    }
}

impl Scheduler {
    fn new(context: &Arc<RunContext>, plan: &Arc<Plan>) -> Self {
        let mut scheduler = Self {
            context: Arc::clone(context),
            plan: Arc::clone(plan),
            open: HashMap::new(),
            children: HashMap::new(),
            generations: HashMap::new(),
            ready: BinaryHeap::new(),
            blocked: HashMap::new(),
            results: IndexMap::new(),
            set_open: vec![0; plan.sets.len()],
            sets_of: HashMap::new(),
            after_sets: HashMap::new(),
            started: Arc::default(),
            total: plan.steps.len(),
            stopping: false,
            ends: Vec::new(),
        };
        for (id, step) in &plan.steps {
            let waits: Vec<&NodeId> = step.waits_for.iter().filter(|w| plan.steps.contains_key(*w)).collect();
            for parent in &waits {
                scheduler
                    .children
                    .entry(Arc::clone(parent))
                    .or_default()
                    .push(Arc::clone(id));
            }
            for set in &step.after_sets {
                scheduler.after_sets.entry(*set).or_default().push(Arc::clone(id));
            }
            scheduler
                .open
                .insert(Arc::clone(id), waits.len() + step.after_sets.len());
        }
        if context.flags.lenient {
            scheduler.generations = scheduler.generations();
        }
        for (index, set) in plan.sets.iter().enumerate() {
            let own = || set.members.iter().chain(&set.audits);
            let before: Vec<&NodeId> = if set.inside.is_empty() {
                own().collect()
            } else {
                set.before.iter().collect()
            };
            scheduler.set_open[index] = before.len() + set_waits(plan, index).len();
            for id in before {
                scheduler.sets_of.entry(Arc::clone(id)).or_default().push(index);
            }
        }
        let ready: Vec<NodeId> = plan
            .steps
            .keys()
            .filter(|id| scheduler.open[*id] == 0)
            .cloned()
            .collect();
        for id in ready {
            scheduler.push_ready(&id);
        }
        scheduler
    }

    /// The longest way from a step that waits for nothing.
    fn generations(&self) -> HashMap<NodeId, usize> {
        let mut open = self.open.clone();
        for (id, step) in &self.plan.steps {
            if let Some(waits) = open.get_mut(id) {
                *waits -= step.after_sets.len();
            }
        }
        let mut due: Vec<NodeId> = self.plan.steps.keys().filter(|id| open[*id] == 0).cloned().collect();
        let mut found = HashMap::new();
        for generation in 0.. {
            if due.is_empty() {
                break;
            }
            let mut next = Vec::new();
            for id in due {
                for child in self.children.get(&id).into_iter().flatten() {
                    if let Some(waits) = open.get_mut(child) {
                        *waits -= 1;
                        if *waits == 0 {
                            next.push(Arc::clone(child));
                        }
                    }
                }
                found.insert(id, generation);
            }
            due = next;
        }
        found
    }

    fn push_ready(&mut self, id: &NodeId) {
        let Some((order, _, step)) = self.plan.steps.get_full(id) else {
            return;
        };
        // Its owner runs it, or the transaction of its set.
        if matches!(step.action, Action::AuditInside { .. }) || self.plan.sets.iter().any(|set| set.inside.contains(id))
        {
            return;
        }
        self.ready.push(Ready {
            generation: self.generations.get(id).copied().unwrap_or_default(),
            weight: step.weight,
            order,
            id: Arc::clone(id),
        });
    }

    async fn drive(&mut self) {
        let mut running: JoinSet<Finished> = JoinSet::new();
        let mut slots: Vec<usize> = (1..=self.context.flags.threads.max(1)).rev().collect();
        let begins = |set: &usize| self.set_open[*set] == 0 && !self.plan.sets[*set].inside.is_empty();
        let mut finishing: Vec<usize> = (0..self.set_open.len()).filter(begins).collect();
        let interrupt = self.context.interrupt.clone();
        loop {
            while let Some(set) = finishing.pop() {
                let (context, plan) = (Arc::clone(&self.context), Arc::clone(&self.plan));
                let results: IndexMap<NodeId, NodeResult> = self.results.clone();
                if !plan.sets[set].inside.is_empty() {
                    if self.stopping {
                        continue;
                    }
                    let together = Together::new(&context, &plan, set, results, &self.started);
                    running.spawn(async move { Finished::Together(set, together.run().await) });
                    continue;
                }
                running.spawn(async move { Finished::Set(set, finish_set(&context, &plan, set, &results).await) });
            }
            while !self.stopping && !slots.is_empty() {
                let Some(next) = self.ready.pop() else { break };
                if self.blocked.contains_key(&next.id) {
                    continue;
                }
                let Some(slot) = slots.pop() else { break };
                self.start(&next.id, slot, &mut running);
            }
            let finished = tokio::select! {
                finished = running.join_next() => finished,
                () = interrupt.raised(), if !self.stopping => {
                    self.stopping = true;
                    self.context.pool.cancel_all().await;
                    continue;
                }
            };
            match finished {
                None => break,
                Some(Ok(Finished::Step { id, slot, results })) => {
                    slots.push(slot);
                    finishing.extend(self.finish(&id, &results));
                    if self.stopping && !self.context.interrupt.is_raised() {
                        // What is being published has passed; it comes to its end.
                        self.context.pool.cancel_unspared().await;
                    }
                }
                Some(Ok(Finished::Set(set, end))) => finishing.extend(self.finish_set(set, end)),
                Some(Ok(Finished::Together(set, end))) => {
                    // None of them is anybody's to skip any more.
                    let ids = end.results.iter().map(|result| &result.node.id);
                    self.blocked.extend(ids.map(|id| (Arc::clone(id), Arc::clone(id))));
                    for result in end.results {
                        let id = Arc::clone(&result.node.id);
                        finishing.extend(self.record(&id, result));
                    }
                    finishing.extend(self.finish_set(set, end.set));
                }
                // A panic is a defect of ours; let it be seen as one.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }

    fn start(&mut self, id: &NodeId, slot: usize, running: &mut JoinSet<Finished>) {
        let Some(step) = self.plan.steps.get(id).cloned() else {
            return;
        };
        let index = self.next_index();
        self.context.tell(Event::NodeStarted {
            index,
            total: self.total,
            node: Arc::clone(&step.node),
            thread: thread_name(slot),
        });
        let context = Arc::clone(&self.context);
        let id = Arc::clone(id);
        let total = self.total;
        running.spawn(async move {
            let results = run_step(&context, step, slot).await;
            if let Some(own) = results.first() {
                context.tell(Event::NodeFinished {
                    index,
                    total,
                    result: Arc::new(own.clone()),
                });
            }
            Finished::Step { id, slot, results }
        });
    }

    fn next_index(&self) -> usize {
        self.started.fetch_add(1, AtomicOrdering::SeqCst) + 1
    }

    /// Takes in the results of a step; gives the publish sets that are now complete.
    fn finish(&mut self, id: &NodeId, results: &[NodeResult]) -> Vec<usize> {
        let mut complete = Vec::new();
        let inside: Vec<NodeId> = self.plan.steps.get(id).map(|s| s.audits.clone()).unwrap_or_default();
        // The audits first: the step's own failure skips whatever has no result by then.
        let (own, audits) = results.split_at(results.len().min(1));
        for result in audits.iter().chain(own).cloned() {
            let done = Arc::clone(&result.node.id);
            if done != *id {
                let index = self.next_index();
                self.context.tell(Event::NodeFinished {
                    index: index.min(self.total),
                    total: self.total,
                    result: Arc::new(result.clone()),
                });
            }
            complete.extend(self.record(&done, result));
        }
        // Audits that never ran because the delta itself failed.
        for test in inside {
            if !self.results.contains_key(&test) {
                complete.extend(self.skip(&test, id));
            }
        }
        complete
    }

    fn record(&mut self, id: &NodeId, result: NodeResult) -> Vec<usize> {
        // A view's audit that stopped a delta: the view's own step may have been skipped already.
        if self.results.contains_key(id) {
            self.results.insert(Arc::clone(id), result);
            return Vec::new();
        }
        let bad = result.status.is_failure() || result.status == Status::Skipped;
        let unknown = result.status == Status::RuntimeError;
        self.results.insert(Arc::clone(id), result);
        if !bad {
            self.context.note_built(id);
        }
        let mut complete = self.count_down(id);
        // As in dbt, what cannot be told stops nothing.
        if bad && !unknown && self.context.flags.fail_fast {
            self.stopping = true;
        }
        let holds = bad && !self.goes_on(id);
        for child in self.children.get(id).cloned().unwrap_or_default() {
            if holds {
                complete.extend(self.skip(&child, id));
                continue;
            }
            if let Some(open) = self.open.get_mut(&child) {
                *open -= 1;
                if *open == 0 && !self.blocked.contains_key(&child) {
                    self.push_ready(&child);
                }
            }
        }
        complete
    }

    /// Whether what reads a model is built although the model itself failed: `on_error: continue`.
    fn goes_on(&self, id: &NodeId) -> bool {
        let failed = self.results.get(id).is_some_and(|result| result.status.is_failure());
        let step = self.plan.steps.get(id);
        failed && step.is_some_and(|step| step.node.continues_on_error())
    }

    /// A step that cannot start any more, and with it everything that waits for it.
    fn skip(&mut self, id: &NodeId, because: &NodeId) -> Vec<usize> {
        let mut complete = Vec::new();
        let mut left = vec![(Arc::clone(id), Arc::clone(because))];
        while let Some((id, because)) = left.pop() {
            if self.results.contains_key(&id) || self.blocked.contains_key(&id) {
                continue;
            }
            let Some(step) = self.plan.steps.get(&id).cloned() else {
                continue;
            };
            self.blocked.insert(Arc::clone(&id), Arc::clone(&because));
            let result = NodeResult::skipped(step.node, Some(because));
            let index = self.next_index();
            self.context.tell(Event::NodeFinished {
                index: index.min(self.total),
                total: self.total,
                result: Arc::new(result.clone()),
            });
            self.results.insert(Arc::clone(&id), result);
            complete.extend(self.count_down(&id));
            for child in self.children.get(&id).into_iter().flatten().chain(&step.audits) {
                left.push((Arc::clone(child), Arc::clone(&id)));
            }
        }
        complete
    }

    fn count_down(&mut self, id: &NodeId) -> Vec<usize> {
        let mut complete = Vec::new();
        for set in self.sets_of.get(id).into_iter().flatten() {
            self.set_open[*set] -= 1;
            if self.set_open[*set] == 0 {
                complete.push(*set);
            }
        }
        complete
    }

    /// Gives the publish sets that are complete because of it.
    fn finish_set(&mut self, set: usize, end: SetEnd) -> Vec<usize> {
        if let Some(diagnostic) = &end.problem {
            // The models were built and passed, but readers cannot have them.
            for id in &end.members {
                if let Some(result) = self.results.get_mut(id).filter(|r| r.status == Status::Success) {
                    result.status = Status::Error;
                    result.message = Some(diagnostic.message.clone());
                    result.diagnostic = Some(diagnostic.clone());
                }
            }
        }
        for published in &end.published {
            self.context.tell(Event::Published(published.clone()));
        }
        for held in &end.held {
            self.context.tell(Event::HeldBack(held.clone()));
        }
        let mut complete = Vec::new();
        let culprit = match &end.problem {
            Some(_) => end.members.first().cloned(),
            None => end.held.first().map(|held| Arc::clone(&held.model.id)),
        };
        for id in self.after_sets.remove(&set).unwrap_or_default() {
            if let Some(culprit) = &culprit {
                complete.extend(self.skip(&id, culprit));
            } else if let Some(open) = self.open.get_mut(&id) {
                *open -= 1;
                if *open == 0 && !self.blocked.contains_key(&id) {
                    self.push_ready(&id);
                }
            }
        }
        for other in 0..self.set_open.len() {
            if set_waits(&self.plan, other).contains(&set) {
                self.set_open[other] -= 1;
                if self.set_open[other] == 0 {
                    complete.push(other);
                }
            }
        }
        self.ends.push(end);
        complete
    }

    /// After a stop: everything without a result was never started.
    fn skip_what_is_left(&mut self) {
        let left: Vec<Step> = self
            .plan
            .steps
            .iter()
            .filter(|(id, _)| !self.results.contains_key(*id))
            .map(|(_, step)| step.clone())
            .collect();
        for step in left {
            let id = Arc::clone(&step.node.id);
            self.results.insert(id, NodeResult::skipped(step.node, None));
        }
    }
}

/// The sets that must be published before the transaction of another can begin.
fn set_waits(plan: &Plan, set: usize) -> HashSet<usize> {
    let inside = plan.sets[set].inside.iter();
    let steps = inside.filter_map(|id| plan.steps.get(id));
    steps.flat_map(|step| step.after_sets.iter().copied()).collect()
}

fn thread_name(slot: usize) -> String {
    format!("Thread-{slot}")
}

async fn run_step(context: &Arc<RunContext>, step: Step, slot: usize) -> Vec<NodeResult> {
    let thread = thread_name(slot);
    let node = Arc::clone(&step.node);
    let started = Timestamp::now();
    if context.interrupt.is_raised() {
        return vec![NodeResult::skipped(node, None)];
    }
    if step.action == Action::Nothing {
        return vec![NodeResult {
            // As dbt tells it.
            failures: Some(0),
            ..ended(&node, Status::NoOp, started, &thread, None)
        }];
    }
    if let Action::Microbatch { .. } = &step.action {
        let work = Box::pin(run_batches(context, &step, &thread));
        return vec![on_thread(thread.clone(), Arc::clone(&node.id), work).await];
    }
    let work = Box::pin(run_node(context, step, &thread));
    on_thread(thread.clone(), Arc::clone(&node.id), work).await
}
