//! The truth that models must find: the staging rules and the session rules applied to the generator's own events,
//! soiled and arrived.
//!
//! What the dirt does to it. Retries are removed first (the earliest arrival stays), then rows are quarantined for an
//! unknown variant, a client time more than 5 minutes ahead of the arrival, or a missing session id, the first of
//! these that applies. A quarantined start makes the session's start inferred, a quarantined end leaves the session
//! to time out, and a quarantined message lowers the message count. Empty and reversed `experiments` and other
//! variants than the assigned one do not move a session to another arm. A malformed `total_turns` falls back to the
//! user messages. Sessions that share an id are one session.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::clock::{self, MINUTE, Micros};
use super::super::distribution::{float, rounded};
use super::design::{EXPERIMENTS, Flow};
use super::event::{Body, Event, Exposure};
use super::unit::Assignment;

/// From so many turns on a session has progressed.
const PROGRESSED_TURNS: i64 = 3;
/// A client's clock may be so far ahead.
const AHEAD: Micros = 5 * MINUTE;
const IDLE: Micros = 15 * MINUTE;
/// More reported turns than this are not believed.
const MOST_TURNS: i64 = 100_000;

/// The headline figures of domain `exp`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpTruth {
    /// The newest `created_at` of `exp.events`; nothing where no event has arrived.
    pub as_of: Option<Timestamp>,
    pub raw_events: u64,
    pub duplicate_events: u64,
    pub quarantined_events: u64,
    /// By reason.
    pub quarantined: BTreeMap<String, u64>,
    /// Neither duplicate nor quarantined.
    pub kept_events: u64,
    pub conversation_started_events: u64,
    pub flow_completed_events: u64,
    pub sessions: SessionTruth,
    pub start_inferred: u64,
    pub conflicting_terminal: u64,
    pub recovered_after_drop_off: u64,
    pub by_flow: Vec<CohortTruth>,
    /// Sessions are counted once for each experiment that an event of theirs names, under the assigned variant.
    pub by_variant: Vec<CohortTruth>,
    pub by_flow_and_variant: Vec<CohortTruth>,
    pub assignments: Vec<AssignmentTruth>,
    pub plans: PlanTruth,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionTruth {
    pub total: u64,
    pub completed: u64,
    pub cancelled: u64,
    pub dropped_off: u64,
    pub timed_out: u64,
    pub in_progress: u64,
    /// All but those in progress.
    pub settled: u64,
    pub completion_rate: Option<f64>,
    pub drop_off_rate: Option<f64>,
    pub reported_drop_off_rate: Option<f64>,
    /// Over settled sessions.
    pub turns: i64,
    pub avg_turns: Option<f64>,
    /// Over completed sessions.
    pub time_to_completion_ms: i64,
    pub avg_time_to_completion_seconds: Option<f64>,
    pub funnel: FunnelTruth,
}

/// Each step counts sessions of the step before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunnelTruth {
    pub started: u64,
    pub engaged: u64,
    /// At least three turns.
    pub progressed: u64,
    pub completed: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CohortTruth {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub flow_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub experiment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub variant: Option<String>,
    pub sessions: SessionTruth,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssignmentTruth {
    pub experiment: String,
    pub variant: String,
    /// The share of units that the design gives it.
    pub allocation: f64,
    pub units: u64,
}

/// Of plans with a `plan_generated` event that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanTruth {
    pub plans: u64,
    pub accepted: u64,
    pub acceptance_rate: Option<f64>,
    /// `edit_applied` events of accepted plans.
    pub edits_of_accepted: u64,
    pub avg_edits: Option<f64>,
    pub with_intervention: u64,
}

/// Flow, or experiment and arm, or all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cohort {
    flow: Option<Option<Flow>>,
    arm: Option<(usize, usize)>,
}

/// Sums that add up over chunks.
#[derive(Clone, Debug, Default)]
pub struct ExpSums {
    newest: Option<Micros>,
    raw: u64,
    duplicates: u64,
    quarantined: [u64; Reason::ALL.len()],
    kept: u64,
    starts: u64,
    completions: u64,
    start_inferred: u64,
    conflicting: u64,
    recovered: u64,
    total: SessionTruth,
    cohorts: BTreeMap<Cohort, SessionTruth>,
    /// Sessions without an end that may yet turn out to be in progress.
    open: Vec<Session>,
    assigned: BTreeMap<(usize, usize), u64>,
    plans: PlanTruth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    UnknownVariant,
    TimestampAhead,
    MissingSessionId,
}

impl Reason {
    const ALL: [(Self, &'static str); 3] = [
        (Self::UnknownVariant, "unknown_variant"),
        (Self::TimestampAhead, "timestamp_ahead"),
        (Self::MissingSessionId, "missing_session_id"),
    ];

    fn of(event: &Event) -> Option<Self> {
        if event.exposures.iter().any(|exposure| !exposure.known) {
            Some(Self::UnknownVariant)
        } else if event.timestamp > event.created_at + AHEAD {
            Some(Self::TimestampAhead)
        } else if event.talk.is_some_and(|talk| talk.session.is_none()) {
            Some(Self::MissingSessionId)
        } else {
            None
        }
    }
}

/// A session as the models see it.
#[derive(Clone, Debug)]
struct Session {
    flow: Option<Flow>,
    /// Arm by experiment.
    arms: BTreeMap<usize, usize>,
    end: Option<End>,
    last_activity: Micros,
    user_messages: u64,
    turns: i64,
    time_to_completion: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Completed,
    Cancelled,
    DroppedOff,
}

/// What has arrived of a unit's assignment in an experiment.
pub type Assigned<'a> = dyn Fn(usize, usize) -> Option<Assignment> + 'a;

impl ExpSums {
    /// Adds the arrived events of a group of units that share no session with other groups, each with its retry.
    pub fn add(&mut self, arrived: &[(&Event, bool)], assigned: &Assigned<'_>) {
        let mut sessions: BTreeMap<u128, Vec<&Event>> = BTreeMap::new();
        let mut plans: BTreeMap<u128, Vec<&Event>> = BTreeMap::new();
        for (event, retried) in arrived {
            self.raw += 1;
            self.newest = self.newest.max(Some(event.created_at));
            if *retried {
                self.duplicates += 1;
            } else if let Some(reason) = Reason::of(event) {
                self.quarantined[reason as usize] += 1;
            } else {
                self.kept += 1;
                match event.body {
                    Body::Started { .. } => self.starts += 1,
                    Body::Completed { .. } => self.completions += 1,
                    _ => {}
                }
                match (event.talk.and_then(|talk| talk.session), plan_of(&event.body)) {
                    (Some(session), _) => sessions.entry(session).or_default().push(event),
                    (None, Some(plan)) => plans.entry(plan).or_default().push(event),
                    (None, None) => {}
                }
            }
        }
        for events in sessions.into_values() {
            self.add_session(events, assigned);
        }
        for events in plans.into_values() {
            self.add_plan(&events);
        }
        self.settle();
    }

    pub fn add_assignment(&mut self, experiment: usize, arm: usize) {
        *self.assigned.entry((experiment, arm)).or_default() += 1;
    }

    fn add_session(&mut self, mut events: Vec<&Event>, assigned: &Assigned<'_>) {
        events.sort_by_key(|event| (event.timestamp, event.id));
        let earliest = |wanted: fn(&Body) -> bool| events.iter().find(|e| wanted(&e.body)).map(|e| e.timestamp);
        let start = earliest(|body| matches!(body, Body::Started { .. }));
        let completed = earliest(|body| matches!(body, Body::Completed { cancelled: false, .. }));
        let cancelled = earliest(|body| matches!(body, Body::Completed { cancelled: true, .. }));
        let dropped = earliest(|body| matches!(body, Body::Dropped { .. }));
        let started = start.unwrap_or(events[0].timestamp);
        self.start_inferred += u64::from(start.is_none());
        if let (Some(completed), Some(dropped)) = (completed, dropped) {
            self.conflicting += u64::from(dropped > completed);
            self.recovered += u64::from(dropped < completed);
        }
        let active = events
            .iter()
            .filter(|e| !matches!(e.body, Body::Dropped { .. }))
            .map(|e| e.timestamp);
        let said = |e: &&&Event| matches!(e.body, Body::Message { from_user: true, .. });
        let user_messages = events.iter().filter(said).count();
        let reported = events
            .iter()
            .filter_map(|e| e.metric("total_turns"))
            .filter(|turns| (0..=MOST_TURNS).contains(turns))
            .max();
        let end = match (completed, cancelled, dropped) {
            (Some(_), _, _) => Some(End::Completed),
            (None, Some(_), _) => Some(End::Cancelled),
            (None, None, Some(_)) => Some(End::DroppedOff),
            (None, None, None) => None,
        };
        let session = Session {
            flow: events.iter().find_map(|e| e.talk.and_then(|talk| talk.flow)),
            arms: arms(
                events.iter().flat_map(|e| &e.exposures),
                |experiment| assigned(events[0].unit, experiment),
                started,
            ),
            end,
            last_activity: active.max().unwrap_or(Micros::MIN),
            user_messages: user_messages as u64,
            turns: reported.unwrap_or(i64::try_from(user_messages).unwrap_or(i64::MAX)),
            time_to_completion: completed.map_or(0, |completed| completed - started),
        };
        if session.end.is_some() {
            self.count(&session, false);
        } else {
            self.open.push(session);
        }
    }

    /// Counts open sessions that have been idle too long already; `as_of` only grows.
    fn settle(&mut self) {
        let Some(newest) = self.newest else { return };
        let (idle, open) = self
            .open
            .drain(..)
            .partition(|session: &Session| session.last_activity < newest - IDLE);
        self.open = open;
        let idle: Vec<Session> = idle;
        for session in idle {
            self.count(&session, false);
        }
    }

    fn count(&mut self, session: &Session, in_progress: bool) {
        self.total.add(session, in_progress);
        let flow = Some(session.flow);
        let mut cohorts = vec![Cohort { flow, arm: None }];
        for (&experiment, &arm) in &session.arms {
            let arm = Some((experiment, arm));
            cohorts.push(Cohort { flow: None, arm });
            cohorts.push(Cohort { flow, arm });
        }
        for cohort in cohorts {
            self.cohorts.entry(cohort).or_default().add(session, in_progress);
        }
    }

    fn add_plan(&mut self, events: &[&Event]) {
        let has = |wanted: fn(&Body) -> bool| events.iter().filter(|e| wanted(&e.body)).count() as u64;
        if has(|body| matches!(body, Body::Generated { .. })) == 0 {
            return;
        }
        self.plans.plans += 1;
        if has(|body| matches!(body, Body::Accepted { .. })) > 0 {
            self.plans.accepted += 1;
            self.plans.edits_of_accepted += has(|body| matches!(body, Body::Edited { .. }));
        }
        self.plans.with_intervention += u64::from(has(|body| matches!(body, Body::Intervened { .. })) > 0);
    }

    pub fn merge(&mut self, mut next: Self) {
        self.newest = self.newest.max(next.newest);
        for (sum, more) in [
            (&mut self.raw, next.raw),
            (&mut self.duplicates, next.duplicates),
            (&mut self.kept, next.kept),
            (&mut self.starts, next.starts),
            (&mut self.completions, next.completions),
            (&mut self.start_inferred, next.start_inferred),
            (&mut self.conflicting, next.conflicting),
            (&mut self.recovered, next.recovered),
            (&mut self.plans.plans, next.plans.plans),
            (&mut self.plans.accepted, next.plans.accepted),
            (&mut self.plans.edits_of_accepted, next.plans.edits_of_accepted),
            (&mut self.plans.with_intervention, next.plans.with_intervention),
        ] {
            *sum += more;
        }
        for (sum, more) in self.quarantined.iter_mut().zip(next.quarantined) {
            *sum += more;
        }
        self.total.merge(&next.total);
        for (cohort, sessions) in &next.cohorts {
            self.cohorts.entry(*cohort).or_default().merge(sessions);
        }
        for (arm, units) in next.assigned {
            *self.assigned.entry(arm).or_default() += units;
        }
        self.open.append(&mut next.open);
        self.settle();
    }

    pub fn finish(mut self) -> ExpTruth {
        for session in std::mem::take(&mut self.open) {
            self.count(&session, true);
        }
        let arm_names = |(experiment, arm): (usize, usize)| {
            let design = &EXPERIMENTS[experiment];
            (design.name.to_owned(), design.arms[arm].0.to_owned())
        };
        let list = |by_flow: bool, by_arm: bool| -> Vec<CohortTruth> {
            let wanted = |c: &Cohort| c.flow.is_some() == by_flow && c.arm.is_some() == by_arm;
            let chosen = self.cohorts.iter().filter(|(cohort, _)| wanted(cohort));
            chosen
                .map(|(cohort, sessions)| {
                    let (experiment, variant) = cohort.arm.map(arm_names).unzip();
                    CohortTruth {
                        flow_id: cohort.flow.map(|flow| flow.map_or("(none)", Flow::id).to_owned()),
                        experiment,
                        variant,
                        sessions: sessions.clone().with_rates(),
                    }
                })
                .collect()
        };
        let reasons = Reason::ALL.map(|(reason, name)| (name.to_owned(), self.quarantined[reason as usize]));
        let mut plans = self.plans.clone();
        plans.acceptance_rate = rate(plans.accepted, plans.plans);
        plans.avg_edits = rate(plans.edits_of_accepted, plans.accepted);
        ExpTruth {
            as_of: self.newest.map(clock::timestamp),
            raw_events: self.raw,
            duplicate_events: self.duplicates,
            quarantined_events: self.quarantined.iter().sum(),
            quarantined: reasons.into(),
            kept_events: self.kept,
            conversation_started_events: self.starts,
            flow_completed_events: self.completions,
            start_inferred: self.start_inferred,
            conflicting_terminal: self.conflicting,
            recovered_after_drop_off: self.recovered,
            by_flow: list(true, false),
            by_variant: list(false, true),
            by_flow_and_variant: list(true, true),
            assignments: self
                .assigned
                .iter()
                .map(|(arm, units)| {
                    let (experiment, variant) = arm_names(*arm);
                    AssignmentTruth {
                        experiment,
                        variant,
                        allocation: f64::from(EXPERIMENTS[arm.0].arms[arm.1].1) / 1e4,
                        units: *units,
                    }
                })
                .collect(),
            plans,
            sessions: self.total.with_rates(),
        }
    }
}

impl SessionTruth {
    fn add(&mut self, session: &Session, in_progress: bool) {
        self.total += 1;
        match session.end {
            Some(End::Completed) => {
                self.completed += 1;
                // Client times are whole milliseconds.
                self.time_to_completion_ms += session.time_to_completion / clock::MILLISECOND;
            }
            Some(End::Cancelled) => self.cancelled += 1,
            Some(End::DroppedOff) => self.dropped_off += 1,
            None if in_progress => self.in_progress += 1,
            None => self.timed_out += 1,
        }
        if !in_progress {
            self.turns += session.turns;
        }
        let engaged = session.user_messages > 0;
        let progressed = engaged && session.turns >= PROGRESSED_TURNS;
        self.funnel.started += 1;
        self.funnel.engaged += u64::from(engaged);
        self.funnel.progressed += u64::from(progressed);
        self.funnel.completed += u64::from(progressed && session.end == Some(End::Completed));
    }

    fn merge(&mut self, other: &Self) {
        self.total += other.total;
        self.completed += other.completed;
        self.cancelled += other.cancelled;
        self.dropped_off += other.dropped_off;
        self.timed_out += other.timed_out;
        self.in_progress += other.in_progress;
        self.turns += other.turns;
        self.time_to_completion_ms += other.time_to_completion_ms;
        self.funnel.started += other.funnel.started;
        self.funnel.engaged += other.funnel.engaged;
        self.funnel.progressed += other.funnel.progressed;
        self.funnel.completed += other.funnel.completed;
    }

    fn with_rates(mut self) -> Self {
        self.settled = self.total - self.in_progress;
        self.completion_rate = rate(self.completed, self.settled);
        self.drop_off_rate = rate(self.dropped_off + self.timed_out + self.cancelled, self.settled);
        self.reported_drop_off_rate = rate(self.dropped_off, self.settled);
        self.avg_turns = mean(self.turns, self.settled);
        self.avg_time_to_completion_seconds =
            mean(self.time_to_completion_ms, self.completed).map(|ms| rounded(ms / 1e3, 6));
        self
    }
}

fn plan_of(body: &Body) -> Option<u128> {
    match body {
        Body::Generated { plan, .. }
        | Body::Accepted { plan }
        | Body::Rejected { plan, .. }
        | Body::Swapped { plan, .. }
        | Body::Edited { plan, .. }
        | Body::Intervened { plan, .. } => Some(*plan),
        Body::Started { .. } | Body::Message { .. } | Body::Completed { .. } | Body::Dropped { .. } => None,
    }
}

/// To nine places; nothing over nothing.
pub fn rate(part: u64, whole: u64) -> Option<f64> {
    mean(i64::try_from(part).unwrap_or(i64::MAX), whole)
}

pub fn mean(sum: i64, count: u64) -> Option<f64> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    (count > 0).then(|| rounded(float(sum) / float(count), 9))
}

/// A session is in one arm of an experiment, though two units may share it: in that of the unit that began it, unless it began before
/// the unit was assigned; where that unit has none, in that of the first event that names the experiment.
fn arms<'e>(
    exposures: impl Iterator<Item = &'e Exposure>,
    assigned: impl Fn(usize) -> Option<Assignment>,
    started: Micros,
) -> BTreeMap<usize, usize> {
    let mut arms = BTreeMap::new();
    for exposure in exposures {
        let arm = match assigned(exposure.experiment) {
            Some(assignment) if started < assignment.assigned_at => continue,
            Some(assignment) => assignment.arm,
            None => exposure.assigned_arm,
        };
        arms.entry(exposure.experiment).or_insert(arm);
    }
    arms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_two_units_counts_once_in_an_experiment() {
        let exposed = |experiment, assigned_arm| Exposure {
            experiment,
            assigned_arm,
            variant: 0,
            known: true,
        };
        let exposures = [
            exposed(3, 1),
            exposed(0, 2),
            exposed(3, 0),
            exposed(5, 0),
            exposed(6, 0),
        ];
        let assigned = |experiment| {
            let at = |assigned_at, arm| Assignment {
                id: 0,
                experiment,
                arm,
                assigned_at,
                created_at: assigned_at,
            };
            match experiment {
                5 => Some(at(100, 1)),
                6 => Some(at(101, 1)),
                _ => None,
            }
        };
        assert_eq!(
            arms(exposures.iter(), assigned, 100),
            BTreeMap::from([(0, 2), (3, 1), (5, 1)])
        );
    }
}
