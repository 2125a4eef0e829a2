//! What a publish set does in the transaction that publishes it: deltas, and what must read them before anybody else may.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{Graph, NodeId};

use super::set::is_kept;
use super::{Action, Plan, PublishSet, Step};

/// Gives a set its transaction, where members of it take in rows that nobody may see before the others are there.
pub(super) fn gather(plan: &Plan, set: &mut PublishSet) {
    if set.members.len() < 2 {
        return;
    }
    let ends: Vec<&NodeId> = set.members.iter().chain(&set.audits).collect();
    let needed = closure(ends, |id| {
        plan.steps
            .get(id)
            .into_iter()
            .flat_map(|step| &step.waits_for)
            .collect()
    });
    let versions: Vec<&NodeId> = set.members.iter().filter(|id| is_version(plan, id)).collect();
    let below = children(plan);
    let down = |from: Vec<&NodeId>| -> HashSet<NodeId> {
        let found = closure(from, |id| below.get(id).into_iter().flatten().copied().collect());
        found.into_iter().cloned().collect()
    };
    let below_versions = down(versions);
    let starts = plan.steps.iter().filter(|(id, step)| {
        let delta = matches!(step.action, Action::PublishedDelta { .. }) && set.members.contains(id);
        delta || (is_kept(&step.action) && needed.contains(id) && below_versions.contains(*id))
    });
    let within = down(starts.map(|(id, _)| id).collect());
    let chosen = |wanted: bool| {
        let ids = plan.steps.keys().filter(|id| needed.contains(id));
        ids.filter(|id| within.contains(*id) == wanted).cloned().collect()
    };
    set.inside = chosen(true);
    if !set.inside.is_empty() {
        set.before = chosen(false);
    }
}

fn is_version(plan: &Plan, id: &NodeId) -> bool {
    let step = plan.steps.get(id);
    step.is_some_and(|step| matches!(step.action, Action::Version { .. }))
}

/// The steps that wait for each.
fn children(plan: &Plan) -> HashMap<&NodeId, Vec<&NodeId>> {
    let mut below: HashMap<&NodeId, Vec<&NodeId>> = HashMap::new();
    for (id, step) in &plan.steps {
        for parent in &step.waits_for {
            below.entry(parent).or_default().push(id);
        }
    }
    below
}

/// Everything that can be reached, the beginnings among it.
fn closure<'a>(from: Vec<&'a NodeId>, next: impl Fn(&'a NodeId) -> Vec<&'a NodeId>) -> HashSet<&'a NodeId> {
    let mut found = HashSet::new();
    let mut open = from;
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(next(id));
        }
    }
    found
}

/// Which steps belong to the models of a named set: these, and what lies between them. Sets that share a step are one.
pub(super) fn ties(graph: &Graph, plan: &Plan) -> HashMap<usize, usize> {
    let below = children(plan);
    let mut ties: HashMap<usize, usize> = HashMap::new();
    for (number, models) in graph.publish_sets().values().enumerate() {
        let own = || models.iter().filter_map(|id| Some(plan.steps.get_key_value(id)?.0));
        let down = closure(own().collect(), |id| {
            below.get(id).into_iter().flatten().copied().collect()
        });
        let up = closure(own().collect(), |id| {
            plan.steps
                .get(id)
                .into_iter()
                .flat_map(|step| &step.waits_for)
                .collect()
        });
        let between = down.intersection(&up).filter_map(|id| plan.steps.get_index_of(*id));
        let between: Vec<usize> = between.collect();
        let met: HashSet<usize> = between.iter().filter_map(|place| ties.get(place)).copied().collect();
        for group in ties.values_mut() {
            if met.contains(group) {
                *group = number;
            }
        }
        ties.extend(between.into_iter().map(|place| (place, number)));
    }
    ties
}

/// Steps that would have to be part of a publication's transaction and cannot be.
pub(super) fn unfit(plan: &Plan) -> Diagnostics {
    let mut problems = Diagnostics::default();
    for set in &plan.sets {
        for step in set.inside.iter().filter_map(|id| plan.steps.get(id)) {
            let Some((cause, help)) = reason(step) else { continue };
            let name = &step.node.name;
            problems.push(
                Diagnostic::error(
                    "not-in-one-transaction",
                    format!("`{name}` cannot be part of the transaction that publishes {}", told(plan, set)),
                )
                .at(step.node.declared.clone())
                .because(format!(
                    "{cause}\nit reads rows that nobody may see before the whole set is there, and a published model stands on it"
                ))
                .help(help),
            );
        }
    }
    problems
}

fn reason(step: &Step) -> Option<(String, &'static str)> {
    let config = &step.node.config;
    let apart = "take `together` out of `gate:`, or the model out of its publish set, or build it another way";
    match &step.action {
        Action::Microbatch { .. } => Some(("its batches are transactions of their own".to_owned(), apart)),
        Action::Jinja { .. } => Some((
            format!(
                "the materialization `{}` is a macro, which commits when it likes",
                config.materialized_name
            ),
            apart,
        )),
        _ if config
            .pre_hooks
            .iter()
            .chain(&config.post_hooks)
            .any(|hook| !hook.transaction) =>
        {
            Some((
                "it has a hook that runs outside of a transaction".to_owned(),
                "take `transaction: false` out of the hook",
            ))
        }
        _ => None,
    }
}

fn told(plan: &Plan, set: &PublishSet) -> String {
    let names = set.members.iter().filter_map(|id| plan.steps.get(id));
    let names: Vec<&str> = names.map(|step| step.node.name.as_str()).collect();
    match names.len() {
        0..=4 => names.join(", "),
        more => format!("{} and {} more", names[..3].join(", "), more - 3),
    }
}
