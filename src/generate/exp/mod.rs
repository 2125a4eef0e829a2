//! Experiments and conversation flows: schema `exp`.

mod aggregate;
mod catalog;
mod defect;
mod design;
mod dirt;
mod event;
mod plan;
mod session;
pub(super) mod table;
pub(super) mod truth;
mod unit;

use self::aggregate::Aggregates;
use self::catalog::Catalog;
use self::defect::Defect;
use self::event::Event;
use self::plan::Plans;
use self::session::Sessions;
use self::truth::{ExpSums, ExpTruth};
use self::unit::Unit;
use super::chunk::{Chunk, Weight, cut};
use super::clock::Micros;
use super::copy::Json;
use super::marks::{Counts, Marks};
use super::producer::{Batch, Outcome, Producer};
use super::random::Stream;
use super::spec::Window;
use super::{Domain, DomainManifest, ExpProfile, Spec};

/// Units are made two at a time, because the second may take a session id of the first.
const GROUP: u64 = 2;

pub(super) struct Experiments {
    seed: u64,
    profile: ExpProfile,
    window: Window,
    catalog: Catalog,
    units: Stream,
}

#[derive(Default)]
pub(super) struct Tally {
    sums: ExpSums,
    aggregates: Aggregates,
    defects: Counts<{ Defect::ALL.len() }>,
}

/// What a group of units did.
struct Group {
    units: Vec<Unit>,
    /// Each with its retry.
    events: Vec<(Event, Option<Event>)>,
    /// Of whole sessions, each with the range of its events.
    sessions: Vec<(Marks, std::ops::Range<usize>)>,
}

impl Experiments {
    pub fn new(spec: &Spec) -> Self {
        Self {
            seed: spec.seed,
            profile: spec.exp_profile,
            window: spec.window(),
            catalog: Catalog::new(spec.seed),
            units: Stream::new(spec.seed, "exp.unit"),
        }
    }

    /// `session` is the index of the group's first session; left at the next group's.
    fn group(&self, first_unit: u64, session: &mut u64) -> Group {
        let sessions = Sessions {
            catalog: &self.catalog,
            profile: self.profile,
            sessions: Stream::new(self.seed, "exp.session"),
            events: Stream::new(self.seed, "exp.event"),
        };
        let plans = Plans {
            made: &sessions,
            profile: self.profile,
            plans: Stream::new(self.seed, "exp.plan"),
            events: Stream::new(self.seed, "exp.plan_event"),
        };
        let first_session = *session;
        let mut group = Group {
            units: Vec::new(),
            events: Vec::new(),
            sessions: Vec::new(),
        };
        let mut clean = Vec::new();
        for index in first_unit..first_unit + GROUP {
            let (session_count, plan_count) = unit::activity(self.units, index);
            let own_sessions = *session..*session + session_count;
            let own_plans = (0..plan_count).map(|k| plan::index(index, k));
            let starts: Vec<Micros> = own_sessions
                .clone()
                .map(|session| sessions.start(session))
                .chain(own_plans.clone().map(|plan| plans.start(plan)))
                .collect();
            group
                .units
                .push(Unit::new(&self.catalog, self.profile, self.units, index, &starts));
            let unit = group.units.len() - 1;
            let partner = (unit > 0).then_some(first_session);
            for session in own_sessions {
                let marks = sessions.make(&group.units, unit, session, partner, &mut clean);
                group
                    .sessions
                    .push((marks, group.events.len()..group.events.len() + clean.len()));
                self.soil(&mut clean, &mut group.events);
            }
            for plan in own_plans {
                plans.make(&group.units, unit, plan, &mut clean);
                self.soil(&mut clean, &mut group.events);
            }
            *session += session_count;
        }
        group
    }

    fn soil(&self, clean: &mut Vec<Event>, soiled: &mut Vec<(Event, Option<Event>)>) {
        for mut event in clean.drain(..) {
            let retry = dirt::soil(&mut event, &self.catalog);
            soiled.push((event, retry));
        }
    }

    fn count(&self, group: &Group, tally: &mut Tally) {
        let mut arrived = Vec::new();
        for (event, retry) in &group.events {
            let copied = retry.as_ref().is_none_or(|retry| self.window.arrived(retry.created_at));
            for (event, retried) in std::iter::once((event, false)).chain(retry.iter().map(|retry| (retry, true))) {
                if self.window.arrived(event.created_at) {
                    arrived.push((event, retried));
                    tally.aggregates.add(event);
                    tally.defects.add(if copied {
                        event.marks
                    } else {
                        event.marks.without(Defect::RetryDuplicate as usize)
                    });
                }
            }
        }
        tally.sums.add(&arrived, &|unit, experiment| {
            let mut assignments = group.units[unit].assignments.iter();
            let found = assignments.find(|a| a.experiment == experiment && self.window.arrived(a.created_at));
            found.copied()
        });
        for (marks, events) in &group.sessions {
            if group.events[events.clone()]
                .iter()
                .any(|(event, _)| self.window.arrived(event.created_at))
            {
                tally.defects.add(*marks);
            }
        }
        for unit in &group.units {
            let mut assigned = 0;
            for assignment in unit.assignments.iter().filter(|a| self.window.arrived(a.created_at)) {
                tally.sums.add_assignment(assignment.experiment, assignment.arm);
                assigned += 1;
            }
            if assigned > 1 {
                let mut marks = Marks::default();
                marks.note(Defect::ReversedExperiments as usize, unit.reversed);
                tally.defects.add(marks);
            }
        }
    }

    fn write(&self, group: &Group, json: &mut Json, batch: &mut Batch) {
        let rows = batch.rows(&table::ASSIGNMENTS);
        for unit in &group.units {
            for assignment in unit.assignments.iter().filter(|a| self.window.written(a.created_at)) {
                let experiment = &self.catalog.experiments[assignment.experiment];
                rows.uuid(assignment.id)
                    .uuid(experiment.id)
                    .uuid(experiment.variants[assignment.arm]);
                rows.text(unit.unit_type)
                    .text(&unit.id)
                    .time(assignment.assigned_at)
                    .time(assignment.created_at)
                    .end();
            }
        }
        let rows = batch.rows(&table::EVENTS);
        for (event, retry) in &group.events {
            for event in std::iter::once(event).chain(retry) {
                if self.window.written(event.created_at) {
                    event.write(rows, json, &group.units[event.unit], &self.catalog);
                }
            }
        }
    }
}

impl Producer for Experiments {
    type Tally = Tally;

    fn domain(&self) -> Domain {
        Domain::Exp
    }

    fn chunks(&self, rows: u64, chunk_rows: u64) -> Vec<Chunk> {
        cut(rows, chunk_rows, GROUP, |unit| {
            let (sessions, plans) = unit::activity(self.units, unit);
            Weight {
                sessions,
                rows: weight(sessions) * session::ROWS + weight(plans) * plan::ROWS,
            }
        })
    }

    fn head(&self, batch: &mut Batch) {
        self.catalog.write(self.window, batch);
    }

    fn produce(&self, chunk: &Chunk, batch: &mut Batch) -> Tally {
        let mut tally = Tally::default();
        let mut json = Json::default();
        let (mut unit, mut session) = (chunk.owners.start, chunk.sessions.start);
        while unit < chunk.owners.end {
            let group = self.group(unit, &mut session);
            self.count(&group, &mut tally);
            self.write(&group, &mut json, batch);
            unit += GROUP;
        }
        tally
    }

    fn merge(&self, sum: &mut Tally, next: Tally) {
        sum.sums.merge(next.sums);
        sum.aggregates.merge(next.aggregates);
        sum.defects.merge(&next.defects);
    }

    fn tail(&self, sum: &Tally, batch: &mut Batch) {
        sum.aggregates.write(
            self.seed,
            &self.catalog,
            self.window,
            batch.rows(&table::METRIC_AGGREGATES),
        );
    }
}

fn weight(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

pub(super) fn manifest(spec: &Spec, outcome: Outcome<Tally>) -> DomainManifest<ExpTruth> {
    DomainManifest {
        profile: spec.exp_profile.to_string(),
        tables: outcome.tables,
        defects: outcome.tally.defects.named(Defect::ALL),
        truth: outcome.tally.sums.finish(),
    }
}
