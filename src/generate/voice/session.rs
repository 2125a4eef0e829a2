//! Calls: turns, outcome, delivered metrics, and the applications filed around them.

use super::super::VoiceProfile;
use super::super::clock::{DAY, HOUR, MINUTE, Micros, SECOND, START, moment};
use super::super::copy::Rows;
use super::super::distribution::{binomial, exponential, float, gamma, logistic, normal, poisson, rounded, whole};
use super::super::marks::Marks;
use super::super::random::{Entity, Stream};
use super::defect::Defect;
use super::turn::{self, NEWER_ASR_DAY, Turn, TurnError};
use super::user::{self, User, yes};

/// The mean number of turns.
pub const ROWS: f64 = 8.5;
const FIRST_ID: u64 = 2_000;
const FIRST_APPLICATION: u64 = 4_000;
/// Most applications of a session, and the span of their indexes.
const APPLICATIONS: i64 = 7;

/// Draws of stream `voice.session`.
mod draw {
    pub const START: u64 = 0; // 0 to 2
    pub const TURNS: u64 = 3;
    pub const DURATION: u64 = 4; // and 5
    pub const TILT: u64 = 6; // and 7
    pub const ABANDONED: u64 = 8;
    pub const TRANSFERRED: u64 = 9;
    pub const REASON: u64 = 10;
    pub const DELAY: u64 = 11;
    pub const METRICS_DELAY: u64 = 12;
    pub const RECOVERED: u64 = 13;
    pub const ESCALATED: u64 = 14;
    pub const NO_TURNS: u64 = 15;
    pub const NO_METRICS: u64 = 16;
    pub const NEGATIVE: u64 = 17;
    pub const NEEDLESS_REASON: u64 = 18;
    pub const CONFLICT: u64 = 19;
    pub const OPEN: u64 = 20;
    pub const APPLICATIONS: u64 = 21;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Completed,
    Abandoned,
    Transferred,
}

pub struct Session {
    pub index: u64,
    user: u64,
    language: &'static str,
    started_at: Micros,
    pub newer_asr: bool,
    duration: i64,
    declared_turns: i64,
    /// Nothing for a session that was never closed.
    pub outcome: Option<Outcome>,
    transfer_reason: Option<&'static str>,
    /// Rows that the export lost are not among them.
    pub turns: Vec<Turn>,
    pub metrics: Option<Metrics>,
    pub ingested_at: Micros,
    pub marks: Marks,
}

/// A row of `voice_ai_metrics`, over all turns that were spoken.
pub struct Metrics {
    asr: f64,
    intent: f64,
    misunderstanding: f64,
    silence: f64,
    pub recovered: bool,
    escalated: bool,
    pub ingested_at: Micros,
}

pub struct Application {
    index: u64,
    session: u64,
    user: u64,
    pub is_of_other_user: bool,
    submitted_at: Micros,
    pub ingested_at: Micros,
    draws: Entity,
}

/// What every session is made from.
#[derive(Clone, Copy)]
pub struct Sessions {
    pub profile: VoiceProfile,
    pub sessions: Stream,
    pub turns: Stream,
    pub applications: Stream,
}

/// The number in a session's id.
pub fn number(index: u64) -> u64 {
    FIRST_ID + index
}

impl Sessions {
    pub fn start(&self, index: u64) -> Micros {
        moment(self.sessions.entity(index), draw::START)
    }

    pub fn make(&self, user: &User, index: u64) -> Session {
        let draws = self.sessions.entity(index);
        let started_at = self.start(index);
        let mut marks = Marks::default();
        let chance = |defect: Defect, draw| draws.chance(draw, defect.rate());
        let mut decide = |defect: Defect, draw| marks.note(defect as usize, chance(defect, draw));

        let spoken = self.speak(draws, index, started_at);
        let outcome = self.outcome(draws, user, &spoken);
        let open = decide(Defect::NeverClosed, draw::OPEN);
        // What is never closed has no reason, no duration and no outcome that an escalation could conflict with.
        let needless =
            !open && outcome != Outcome::Transferred && decide(Defect::ReasonWithoutTransfer, draw::NEEDLESS_REASON);
        let reasons = [("repeated_errors", 0.45), ("user_request", 0.35), ("system", 0.2)];
        let has_reason = !open && (needless || outcome == Outcome::Transferred);
        let length = whole(gamma(draws, draw::DURATION, 2) * 60.0).max(1);
        let negative = !open && decide(Defect::NegativeDuration, draw::NEGATIVE);
        let closed_at = started_at + if open { 30 * MINUTE } else { length * SECOND };
        let ingested_at = closed_at + whole(exponential(draws.uniform(draw::DELAY)) * 30_000_000.0);
        let metrics = if decide(Defect::SessionWithoutMetrics, draw::NO_METRICS) {
            None
        } else {
            let conflict = if open {
                chance(Defect::EscalationConflict, draw::CONFLICT)
            } else {
                decide(Defect::EscalationConflict, draw::CONFLICT)
            };
            Some(self.metrics(draws, &spoken, outcome, conflict, ingested_at))
        };
        let lost = decide(Defect::SessionWithoutTurns, draw::NO_TURNS);
        Session {
            index,
            user: user.index,
            language: user.language,
            started_at,
            newer_asr: started_at >= START + NEWER_ASR_DAY * DAY,
            duration: if negative { -length } else { length },
            declared_turns: spoken.len().try_into().unwrap_or(0),
            outcome: (!open).then_some(outcome),
            transfer_reason: has_reason.then(|| draws.pick(draw::REASON, &reasons)),
            turns: if lost { Vec::new() } else { spoken },
            metrics,
            ingested_at,
            marks,
        }
    }

    fn speak(&self, draws: Entity, index: u64, started_at: Micros) -> Vec<Turn> {
        let tilt = (self.profile == VoiceProfile::Planted).then(|| 0.08 * normal(draws, draw::TILT));
        let mut at = started_at;
        let mut spoken = Vec::new();
        for position in 0..3 + binomial(draws.uniform(draw::TURNS), 11, 0.5).unsigned_abs() {
            let turn = turn::make(self.turns, index, position, at, tilt);
            at += turn.duration * SECOND;
            spoken.push(turn);
        }
        spoken
    }

    fn outcome(&self, draws: Entity, user: &User, spoken: &[Turn]) -> Outcome {
        let (abandoned, transferred) = match self.profile {
            VoiceProfile::Independent => (0.277, 0.158 / (1.0 - 0.277)),
            VoiceProfile::Planted => (abandonment(user, spoken), 0.218),
        };
        if draws.chance(draw::ABANDONED, abandoned) {
            Outcome::Abandoned
        } else if draws.chance(draw::TRANSFERRED, transferred) {
            Outcome::Transferred
        } else {
            Outcome::Completed
        }
    }

    fn metrics(&self, draws: Entity, spoken: &[Turn], outcome: Outcome, conflict: bool, at: Micros) -> Metrics {
        let turns = float(spoken.len().try_into().unwrap_or(1));
        let mean = |value: fn(&Turn) -> i64| rounded(float(spoken.iter().map(value).sum::<i64>()) / (100.0 * turns), 8);
        let share = |error: TurnError| {
            let count = spoken.iter().filter(|turn| turn.error == Some(error)).count();
            rounded(float(count.try_into().unwrap_or(0)) / turns, 8)
        };
        let (misunderstanding, silence) = (share(TurnError::Misunderstanding), share(TurnError::Silence));
        let any_error = spoken.iter().any(|turn| turn.error.is_some());
        let escalated = match self.profile {
            VoiceProfile::Planted => outcome == Outcome::Transferred,
            VoiceProfile::Independent => silence > 0.3 && draws.chance(draw::ESCALATED, 0.6),
        };
        Metrics {
            asr: mean(|turn| turn.asr),
            intent: mean(|turn| turn.intent_confidence),
            misunderstanding,
            silence,
            recovered: any_error && misunderstanding < 0.3 && draws.chance(draw::RECOVERED, 0.7),
            escalated: escalated != conflict,
            ingested_at: at + draws.between(draw::METRICS_DELAY, 60, 300) * SECOND,
        }
    }

    /// Applications name nearly always another user, and half were submitted before the session, as in the original.
    pub fn applications(&self, session: &Session) -> Vec<Application> {
        let draws = self.sessions.entity(session.index);
        let count = poisson(draws.uniform(draw::APPLICATIONS), 0.75).min(APPLICATIONS);
        let make = |k: u64| {
            let index = session.index * (APPLICATIONS.unsigned_abs() + 1) + k;
            let draws = self.applications.entity(index);
            let user = if draws.chance(0, 0.002) {
                session.user
            } else {
                draws.below(1, session.user + 1)
            };
            let submitted_at = moment(draws, 2);
            Application {
                index,
                session: session.index,
                user,
                is_of_other_user: user != session.user,
                submitted_at,
                ingested_at: submitted_at + whole(exponential(draws.uniform(5)) * float(HOUR)),
                draws,
            }
        };
        (0..count.unsigned_abs()).map(make).collect()
    }
}

/// The planted model: early recognition confidence drives abandonment most.
fn abandonment(user: &User, spoken: &[Turn]) -> f64 {
    let heard: Vec<f64> = spoken
        .iter()
        .filter(|turn| turn.is_user())
        .take(3)
        .map(|turn| float(turn.asr) / 100.0)
        .collect();
    let asr = heard.iter().sum::<f64>() / float(heard.len().try_into().unwrap_or(1));
    let early = spoken.iter().take(3).filter(|turn| turn.error.is_some()).count();
    let errors = float(early.try_into().unwrap_or(0)) / 3.0;
    let flag = |value: bool| if value { 1.0 } else { 0.0 };
    logistic(-1.6 - 4.0 * (asr - 0.75) + 1.2 * (errors - 0.4) + 0.25 * flag(user.first_time) + 0.10 * flag(user.rural))
}

impl Session {
    pub fn write(&self, rows: &mut Rows) {
        rows.tagged('S', number(self.index))
            .tagged('U', user::number(self.user));
        rows.text("voice").text(self.language);
        if self.outcome.is_some() {
            rows.int(self.duration)
        } else {
            rows.null()
        };
        rows.int(self.declared_turns);
        rows.maybe(self.outcome.map(|outcome| match outcome {
            Outcome::Completed => "completed",
            Outcome::Abandoned => "abandoned",
            Outcome::Transferred => "transferred",
        }));
        let ended_at = self.outcome.map(|_| self.started_at + self.duration.abs() * SECOND);
        rows.maybe(self.transfer_reason)
            .date(self.started_at)
            .time(self.started_at)
            .maybe_time(ended_at);
        rows.text(if self.newer_asr { "asr-2.0" } else { "asr-1.4" })
            .time(self.ingested_at)
            .end();
    }
}

impl Metrics {
    pub fn write(&self, session: u64, rows: &mut Rows) {
        rows.tagged('S', number(session))
            .decimal(self.asr, 8)
            .decimal(self.intent, 8);
        rows.decimal(self.misunderstanding, 8).decimal(self.silence, 8);
        rows.text(yes(self.recovered))
            .text(yes(self.escalated))
            .time(self.ingested_at)
            .end();
    }
}

impl Application {
    pub fn write(&self, rows: &mut Rows) {
        let services = [("LAND", 0.3), ("DL", 0.3), ("BIRTH_CERT", 0.2), ("ID_REPLACEMENT", 0.2)];
        let channels = [("voice", 0.46), ("web", 0.27), ("ussd", 0.27)];
        let statuses = [("completed", 0.6), ("abandoned", 0.25), ("failed", 0.15)];
        rows.tagged('A', FIRST_APPLICATION + self.index)
            .tagged('S', number(self.session));
        rows.tagged('U', user::number(self.user))
            .text(self.draws.pick(6, &services));
        rows.text(self.draws.pick(7, &channels))
            .text(self.draws.pick(8, &statuses));
        rows.int(self.draws.between(9, 60, 900))
            .time(self.submitted_at)
            .time(self.ingested_at)
            .end();
    }
}
