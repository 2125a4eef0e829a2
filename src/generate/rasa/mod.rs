//! Conversations with a Rasa bot: schemas `rasa_tracker` and `rasa_model`.

mod defect;
mod event;
mod session;
pub(super) mod table;
pub(super) mod truth;
mod user;

use std::collections::{BTreeMap, BTreeSet};

use self::defect::Defect;
use self::event::{Event, load_id, model_id};
use self::session::Sessions;
use self::truth::{RasaSums, RasaTruth};
use self::user::User;
use super::chunk::{Chunk, Weight, cut};
use super::clock::{DAY, MINUTE, Micros, START};
use super::copy::Json;
use super::marks::{Counts, Marks};
use super::producer::{Batch, Outcome, Producer};
use super::random::Stream;
use super::spec::Window;
use super::{Domain, DomainManifest, Spec};

pub(super) struct Rasa {
    window: Window,
    users: Stream,
    loads: Stream,
    sessions: Sessions,
}

#[derive(Default)]
pub(super) struct Tally {
    sums: RasaSums,
    defects: Counts<{ Defect::ALL.len() }>,
}

/// So long after a load a second announcement of it comes.
const AGAIN: Micros = 5 * MINUTE;

/// Models change every 30 days.
fn model_of(at: Micros) -> i64 {
    (at - START).div_euclid(30 * DAY).max(0)
}

impl Rasa {
    pub fn new(spec: &Spec) -> Self {
        let stream = |name| Stream::new(spec.seed, name);
        Self {
            window: spec.window(),
            users: stream("rasa.user"),
            loads: stream("rasa.load"),
            sessions: Sessions {
                profile: spec.rasa_profile,
                sessions: stream("rasa.session"),
                turns: stream("rasa.turn"),
                events: stream("rasa.event"),
            },
        }
    }

    /// Defects count for the events that have arrived, and for their sessions and senders.
    fn count(&self, user: &User, sessions: &BTreeMap<u64, Marks>, events: &[Event], tally: &mut Tally) {
        let arrived = |at: Micros| self.window.arrived(at);
        tally.sums.add(user, events, arrived);
        let (mut told, mut wrote) = (BTreeSet::new(), BTreeSet::new());
        for event in events.iter().filter(|event| arrived(event.arrived_at)) {
            tally.defects.add(if event.again.is_none_or(|(_, at)| arrived(at)) {
                event.marks
            } else {
                event.marks.without(Defect::DuplicateEvent as usize)
            });
            told.insert(event.session);
            wrote.insert(event.sender);
        }
        let sessions = told.iter().filter_map(|session| sessions.get(session));
        let senders = wrote
            .iter()
            .filter_map(|sender| user.marks.get(usize::try_from(*sender).ok()?));
        for marks in sessions.chain(senders) {
            tally.defects.add(*marks);
        }
    }

    fn write(&self, user: &User, events: &[Event], batch: &mut Batch) {
        let mut json = Json::default();
        let rows = batch.rows(&table::EVENTS);
        for event in events {
            for (id, at) in std::iter::once((event.id, event.arrived_at)).chain(event.again) {
                if self.window.written(at) {
                    event.write(user, rows, &mut json, id, at);
                }
            }
        }
    }

    /// Whether a load is announced twice.
    fn retried(&self, end: Micros) -> Marks {
        let mut marks = Marks::default();
        let draws = self.loads.entity(end.unsigned_abs());
        marks.note(
            Defect::RetriedLoad as usize,
            draws.chance(0, Defect::RetriedLoad.rate()),
        );
        marks
    }
}

impl Producer for Rasa {
    type Tally = Tally;

    fn domain(&self) -> Domain {
        Domain::Rasa
    }

    fn chunks(&self, rows: u64, chunk_rows: u64) -> Vec<Chunk> {
        cut(rows, chunk_rows, 1, |user| {
            let sessions = user::sessions(self.users, user);
            Weight::of(sessions, session::ROWS)
        })
    }

    fn produce(&self, chunk: &Chunk, batch: &mut Batch) -> Tally {
        let mut tally = Tally::default();
        let mut next = chunk.sessions.start;
        for index in chunk.owners.clone() {
            let user = User::new(self.users, index);
            let (mut events, mut marks) = (Vec::new(), BTreeMap::new());
            let mut earliest = START;
            for place in 0..user::sessions(self.users, index) {
                let (more, end, mark) = self.sessions.make(&user, next, place, earliest);
                events.extend(more);
                marks.insert(next, mark);
                (next, earliest) = (next + 1, end);
            }
            session::change(&user, &mut events);
            let events = session::stored(&user, events);
            self.count(&user, &marks, &events, &mut tally);
            self.write(&user, &events, batch);
        }
        tally
    }

    fn merge(&self, sum: &mut Tally, next: Tally) {
        sum.sums.merge(&next.sums);
        sum.defects.merge(&next.defects);
    }

    fn tail(&self, sum: &Tally, batch: &mut Batch) {
        let rows = batch.rows(&table::LOADS);
        for end in &sum.sums.loads {
            // The second row comes minutes later, which may be after the moment that was asked for.
            let again = self.retried(*end).any().then_some(*end + AGAIN);
            for at in std::iter::once(*end).chain(again).filter(|at| self.window.written(*at)) {
                rows.text(&load_id(*end)).int(0).time(at);
                rows.end();
            }
        }
        let rows = batch.rows(&table::MODELS);
        for (model, at) in (0..4).map(|model| (model, START + model * 30 * DAY)) {
            if self.window.written(at) {
                rows.text(&model_id(model))
                    .text("helpdesk")
                    .text(&format!("3.{}.0", 6 + model))
                    .time(at - DAY)
                    .time(at);
                rows.end();
            }
        }
    }
}

pub(super) fn manifest(spec: &Spec, outcome: Outcome<Tally>) -> DomainManifest<RasaTruth> {
    let mut tally = outcome.tally;
    let rasa = Rasa::new(spec);
    let mut as_of = None;
    for end in tally.sums.loads.clone() {
        let marks = rasa.retried(end);
        let again = Some(end + AGAIN).filter(|again| marks.any() && rasa.window.arrived(*again));
        tally.defects.add(if again.is_some() {
            marks
        } else {
            marks.without(Defect::RetriedLoad as usize)
        });
        as_of = as_of.max(Some(end)).max(again);
    }
    DomainManifest {
        profile: spec.rasa_profile.to_string(),
        tables: outcome.tables,
        defects: tally.defects.named(Defect::ALL),
        truth: tally.sums.finish(as_of),
    }
}
