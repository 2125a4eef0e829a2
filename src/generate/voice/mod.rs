//! Calls to a voice assistant: schema `voice_raw`.

mod defect;
mod session;
pub(super) mod table;
pub(super) mod truth;
mod turn;
mod user;

use self::defect::Defect;
use self::session::{Application, Session, Sessions};
use self::truth::{VoiceSums, VoiceTruth};
use self::user::User;
use super::chunk::{Chunk, Weight, cut};
use super::clock::{END, Micros};
use super::marks::Counts;
use super::producer::{Batch, Outcome, Producer};
use super::random::Stream;
use super::spec::Window;
use super::{Domain, DomainManifest, Spec};

pub(super) struct Voice {
    window: Window,
    users: Stream,
    sessions: Sessions,
}

/// A session and what was filed around it.
pub(super) struct Call {
    session: Session,
    applications: Vec<Application>,
}

#[derive(Default)]
pub(super) struct Tally {
    sums: VoiceSums,
    defects: Counts<{ Defect::ALL.len() }>,
}

impl Voice {
    pub fn new(spec: &Spec) -> Self {
        let stream = |name| Stream::new(spec.seed, name);
        Self {
            window: spec.window(),
            users: stream("voice.user"),
            sessions: Sessions {
                profile: spec.voice_profile,
                sessions: stream("voice.session"),
                turns: stream("voice.turn"),
                applications: stream("voice.application"),
            },
        }
    }

    fn count(&self, user: &User, calls: &[Call], tally: &mut Tally) {
        let arrived = |at: Micros| self.window.arrived(at);
        tally.sums.add(user, calls, arrived);
        if arrived(user.ingested_at) {
            tally.defects.add(user.marks);
        }
        for Call { session, .. } in calls {
            if arrived(session.ingested_at) {
                tally.defects.add(session.marks);
            }
            for turn in session.turns.iter().filter(|turn| arrived(turn.ingested_at)) {
                let again = turn.loaded_again.is_none_or(&arrived);
                tally.defects.add(if again {
                    turn.marks
                } else {
                    turn.marks.without(Defect::DuplicateTurn as usize)
                });
            }
        }
    }

    fn write(&self, user: &User, calls: &[Call], batch: &mut Batch) {
        let written = |at: Micros| self.window.written(at);
        if written(user.ingested_at) {
            user.write(batch.rows(&table::USERS));
        }
        for Call { session, applications } in calls {
            if written(session.ingested_at) {
                session.write(batch.rows(&table::SESSIONS));
            }
            let rows = batch.rows(&table::TURNS);
            for turn in &session.turns {
                for at in std::iter::once(turn.ingested_at).chain(turn.loaded_again) {
                    if written(at) {
                        turn.write(rows, at);
                    }
                }
            }
            if let Some(metrics) = session.metrics.as_ref().filter(|metrics| written(metrics.ingested_at)) {
                metrics.write(session.index, batch.rows(&table::METRICS));
            }
            for application in applications
                .iter()
                .filter(|application| written(application.ingested_at))
            {
                application.write(batch.rows(&table::APPLICATIONS));
            }
        }
    }
}

impl Producer for Voice {
    type Tally = Tally;

    fn domain(&self) -> Domain {
        Domain::Voice
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
            let own = next..next + user::sessions(self.users, index);
            next = own.end;
            let first = own
                .clone()
                .map(|session| self.sessions.start(session))
                .min()
                .unwrap_or(END);
            let user = User::new(self.users, index, first);
            let call = |index| {
                let session = self.sessions.make(&user, index);
                let applications = self.sessions.applications(&session);
                Call { session, applications }
            };
            let calls: Vec<Call> = own.map(call).collect();
            self.count(&user, &calls, &mut tally);
            self.write(&user, &calls, batch);
        }
        tally
    }

    fn merge(&self, sum: &mut Tally, next: Tally) {
        sum.sums.merge(&next.sums);
        sum.defects.merge(&next.defects);
    }

    fn tail(&self, _: &Tally, _: &mut Batch) {}
}

pub(super) fn manifest(spec: &Spec, outcome: Outcome<Tally>) -> DomainManifest<VoiceTruth> {
    DomainManifest {
        profile: spec.voice_profile.to_string(),
        tables: outcome.tables,
        defects: outcome.tally.defects.named(Defect::ALL),
        truth: outcome.tally.sums.finish(),
    }
}
