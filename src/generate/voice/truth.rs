//! The truth that models must find in the calls, counted from the generator's own sessions and turns, arrived.
//!
//! What the dirt does to it. A turn loaded twice counts once; turns that share a number are two turns. A turn whose
//! session does not exist, or has not arrived yet, belongs to no session. Sessions without turns or metrics count in
//! all outcomes. A session never closed counts as a session with none of the outcomes. Regions count by their
//! lower-case names.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::clock::{self, Micros};
use super::super::exp::truth::{mean, rate};
use super::Call;
use super::session::Outcome;
use super::turn::TurnError;
use super::user::User;

/// The headline figures of domain `voice`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VoiceTruth {
    /// The newest `ingested_at` of all tables; nothing where no row has arrived.
    pub as_of: Option<Timestamp>,
    pub users: u64,
    /// With at least two sessions.
    pub repeat_users: u64,
    /// Of users with at least one session.
    pub repeat_rate: Option<f64>,
    pub sessions: CallTruth,
    pub sessions_without_turns: u64,
    pub sessions_without_metrics: u64,
    pub duplicate_turns: u64,
    /// Of no session; duplicates left out.
    pub orphan_turns: u64,
    pub applications: u64,
    pub applications_of_other_users: u64,
    /// By region, `first_time`, `not_first_time`, and recogniser version.
    pub by_segment: BTreeMap<String, CallTruth>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallTruth {
    pub sessions: u64,
    pub completed: u64,
    pub abandoned: u64,
    pub transferred: u64,
    pub not_closed: u64,
    /// Of all sessions, those not closed included, as the other two.
    pub completion_rate: Option<f64>,
    pub abandonment_rate: Option<f64>,
    pub transfer_rate: Option<f64>,
    pub turns: u64,
    pub error_turns: u64,
    pub misunderstanding_turns: u64,
    pub silence_turns: u64,
    pub noise_turns: u64,
    /// Error turns of all turns.
    pub turn_error_rate: Option<f64>,
    /// Of sessions with turns.
    pub avg_turns: Option<f64>,
    pub sessions_with_turns: u64,
    pub sessions_with_errors: u64,
    /// Of those, whose metrics say that the call recovered.
    pub recovered: u64,
    pub recovery_rate: Option<f64>,
}

#[derive(Clone, Debug, Default)]
pub struct VoiceSums {
    newest: Option<Micros>,
    users_with_sessions: u64,
    truth: VoiceTruth,
}

impl VoiceSums {
    /// Adds a user with all calls; what has arrived counts.
    pub fn add(&mut self, user: &User, calls: &[Call], arrived: impl Fn(Micros) -> bool) {
        let truth = &mut self.truth;
        let mut seen = |at: Micros| {
            let counts = arrived(at);
            if counts {
                self.newest = self.newest.max(Some(at));
            }
            counts
        };
        truth.users += u64::from(seen(user.ingested_at));
        let mut sessions = 0;
        for call in calls {
            let session = &call.session;
            let known = seen(session.ingested_at);
            let has_metrics = session
                .metrics
                .as_ref()
                .is_some_and(|metrics| seen(metrics.ingested_at));
            let recovered = has_metrics && session.metrics.as_ref().is_some_and(|metrics| metrics.recovered);
            let mut figures = CallTruth::default();
            for turn in &session.turns {
                truth.duplicate_turns += u64::from(turn.loaded_again.is_some_and(&mut seen));
                if !seen(turn.ingested_at) {
                } else if turn.is_orphan || !known {
                    truth.orphan_turns += 1;
                } else {
                    figures.turns += 1;
                    match turn.error {
                        Some(TurnError::Misunderstanding) => figures.misunderstanding_turns += 1,
                        Some(TurnError::Silence) => figures.silence_turns += 1,
                        Some(TurnError::Noise) => figures.noise_turns += 1,
                        None => {}
                    }
                }
            }
            for application in call.applications.iter().filter(|a| seen(a.ingested_at)) {
                truth.applications += 1;
                truth.applications_of_other_users += u64::from(application.is_of_other_user);
            }
            if !known {
                continue;
            }
            sessions += 1;
            figures.sessions = 1;
            match session.outcome {
                Some(Outcome::Completed) => figures.completed = 1,
                Some(Outcome::Abandoned) => figures.abandoned = 1,
                Some(Outcome::Transferred) => figures.transferred = 1,
                None => figures.not_closed = 1,
            }
            figures.error_turns = figures.misunderstanding_turns + figures.silence_turns + figures.noise_turns;
            figures.sessions_with_turns = u64::from(figures.turns > 0);
            figures.sessions_with_errors = u64::from(figures.error_turns > 0);
            figures.recovered = u64::from(figures.error_turns > 0 && recovered);
            truth.sessions_without_turns += u64::from(figures.turns == 0);
            truth.sessions_without_metrics += u64::from(!has_metrics);
            truth.sessions.merge(&figures);
            let region = if user.rural { "rural" } else { "urban" };
            let habit = if user.first_time {
                "first_time"
            } else {
                "not_first_time"
            };
            let version = if session.newer_asr { "asr-2.0" } else { "asr-1.4" };
            for segment in [region, habit, version] {
                truth.by_segment.entry(segment.to_owned()).or_default().merge(&figures);
            }
        }
        self.users_with_sessions += u64::from(sessions > 0);
        truth.repeat_users += u64::from(sessions > 1);
    }

    pub fn merge(&mut self, next: &Self) {
        self.newest = self.newest.max(next.newest);
        self.users_with_sessions += next.users_with_sessions;
        let (sum, more) = (&mut self.truth, &next.truth);
        sum.users += more.users;
        sum.repeat_users += more.repeat_users;
        sum.sessions_without_turns += more.sessions_without_turns;
        sum.sessions_without_metrics += more.sessions_without_metrics;
        sum.duplicate_turns += more.duplicate_turns;
        sum.orphan_turns += more.orphan_turns;
        sum.applications += more.applications;
        sum.applications_of_other_users += more.applications_of_other_users;
        sum.sessions.merge(&more.sessions);
        for (segment, figures) in &more.by_segment {
            sum.by_segment.entry(segment.clone()).or_default().merge(figures);
        }
    }

    pub fn finish(self) -> VoiceTruth {
        let mut truth = self.truth;
        truth.as_of = self.newest.map(clock::timestamp);
        truth.repeat_rate = rate(truth.repeat_users, self.users_with_sessions);
        truth.sessions.set_rates();
        for figures in truth.by_segment.values_mut() {
            figures.set_rates();
        }
        truth
    }
}

impl CallTruth {
    fn merge(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.completed += other.completed;
        self.abandoned += other.abandoned;
        self.transferred += other.transferred;
        self.not_closed += other.not_closed;
        self.turns += other.turns;
        self.error_turns += other.error_turns;
        self.misunderstanding_turns += other.misunderstanding_turns;
        self.silence_turns += other.silence_turns;
        self.noise_turns += other.noise_turns;
        self.sessions_with_turns += other.sessions_with_turns;
        self.sessions_with_errors += other.sessions_with_errors;
        self.recovered += other.recovered;
    }

    fn set_rates(&mut self) {
        self.completion_rate = rate(self.completed, self.sessions);
        self.abandonment_rate = rate(self.abandoned, self.sessions);
        self.transfer_rate = rate(self.transferred, self.sessions);
        self.turn_error_rate = rate(self.error_turns, self.turns);
        self.avg_turns = mean(self.turns.cast_signed(), self.sessions_with_turns);
        self.recovery_rate = rate(self.recovered, self.sessions_with_errors);
    }
}
