//! Turns of a call.

use super::super::VoiceProfile;
use super::super::clock::{DAY, HOUR, Micros, SECOND, START};
use super::super::copy::Rows;
use super::super::distribution::{beta, exponential, float, whole};
use super::super::marks::Marks;
use super::super::random::{Entity, Stream};
use super::defect::Defect;
use super::session;

const FIRST_ID: u64 = 3_000;
/// A turn has the index `session * SPAN + position`.
const SPAN: u64 = 32;
/// Sessions that do not exist have ids from here on.
const NOWHERE: u64 = 1_000_000_000_000;
/// From this day on the recogniser is the newer one.
pub const NEWER_ASR_DAY: i64 = 60;

/// Draws of stream `voice.turn`.
mod draw {
    pub const ASR: u64 = 0; // 0 to 7
    pub const INTENT_CONFIDENCE: u64 = 8; // 8 to 14
    pub const INTENT: u64 = 16;
    pub const ERROR: u64 = 17;
    pub const ERROR_TYPE: u64 = 18;
    pub const DURATION: u64 = 19;
    pub const DELAY: u64 = 20;
    pub const LATE: u64 = 21;
    pub const LATE_BY: u64 = 22;
    pub const DUPLICATE: u64 = 23;
    pub const SAME_NUMBER: u64 = 24;
    pub const OUT_OF_RANGE: u64 = 25;
    pub const OUT_OF_RANGE_HOW: u64 = 26;
    pub const PERCENT: u64 = 27;
    pub const WHICH_CONFIDENCE: u64 = 28;
    pub const ORPHAN: u64 = 29;
    pub const DUPLICATE_AFTER: u64 = 30;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnError {
    Misunderstanding,
    Silence,
    Noise,
}

impl TurnError {
    pub fn name(self) -> &'static str {
        match self {
            Self::Misunderstanding => "misunderstanding",
            Self::Silence => "silence",
            Self::Noise => "noise",
        }
    }
}

pub struct Turn {
    index: u64,
    session: u64,
    position: u64,
    /// In hundredths, as all confidences; what was heard, before any dirt.
    pub asr: i64,
    pub intent_confidence: i64,
    intent: &'static str,
    pub error: Option<TurnError>,
    pub duration: i64,
    started_at: Micros,
    pub ingested_at: Micros,
    /// When the same row was loaded once more.
    pub loaded_again: Option<Micros>,
    pub is_orphan: bool,
    same_number: bool,
    written_asr: i64,
    written_intent: i64,
    pub marks: Marks,
}

/// `tilt` moves the recognition confidence of the whole session; nothing where outcomes depend on nothing.
pub fn make(turns: Stream, session: u64, position: u64, started_at: Micros, tilt: Option<f64>) -> Turn {
    let index = session * SPAN + position;
    let draws = turns.entity(index);
    let heard = beta(draws, draw::ASR, 6, 2);
    // Shrunk, so that the session's tilt leaves the overall spread as it was.
    let asr = tilt.map_or(heard, |tilt| 0.75 + tilt + 0.83 * (heard - 0.75));
    let asr = whole(asr * 100.0).clamp(0, 100);
    let profile = if tilt.is_some() {
        VoiceProfile::Planted
    } else {
        VoiceProfile::Independent
    };
    let error = draws
        .chance(draw::ERROR, error_rate(profile, asr, started_at))
        .then(|| {
            let errors = [
                (TurnError::Misunderstanding, 0.5),
                (TurnError::Silence, 0.375),
                (TurnError::Noise, 0.125),
            ];
            draws.pick(draw::ERROR_TYPE, &errors)
        });
    let intents = [
        ("service_lookup", 0.4),
        ("start_application", 0.3),
        ("repeat", 0.15),
        ("unknown", 0.15),
    ];
    let duration = draws.between(draw::DURATION, 2, 14);
    let intent_confidence = whole(beta(draws, draw::INTENT_CONFIDENCE, 5, 2) * 100.0);
    let delay = 300_000 + whole(exponential(draws.uniform(draw::DELAY)) * 2_000_000.0);
    let mut turn = Turn {
        index,
        session,
        position,
        asr,
        intent_confidence,
        intent: draws.pick(draw::INTENT, &intents),
        error,
        duration,
        started_at,
        ingested_at: started_at + duration * SECOND + delay,
        loaded_again: None,
        is_orphan: false,
        same_number: false,
        written_asr: asr,
        written_intent: intent_confidence,
        marks: Marks::default(),
    };
    turn.soil(draws);
    turn
}

/// Errors are rarer where recognition is confident, in the planted profile, and with the newer recogniser, in both.
fn error_rate(profile: VoiceProfile, asr: i64, at: Micros) -> f64 {
    let base = match profile {
        VoiceProfile::Planted => (0.4 - 0.6 * (float(asr) / 100.0 - 0.75)).clamp(0.02, 0.95),
        VoiceProfile::Independent => 0.4,
    };
    if at >= START + NEWER_ASR_DAY * DAY {
        base * 0.75
    } else {
        base
    }
}

impl Turn {
    fn soil(&mut self, draws: Entity) {
        if self.decide(Defect::LateTurn, draws, draw::LATE) {
            self.ingested_at += draws.between(draw::LATE_BY, HOUR, 5 * DAY);
        }
        if self.decide(Defect::DuplicateTurn, draws, draw::DUPLICATE) {
            self.loaded_again = Some(self.ingested_at + draws.between(draw::DUPLICATE_AFTER, 600, 7_200) * SECOND);
        }
        if self.position > 0 {
            self.same_number = self.decide(Defect::DuplicateTurnNumber, draws, draw::SAME_NUMBER);
        }
        let of_intent = draws.chance(draw::WHICH_CONFIDENCE, 0.5);
        let mut confidence = if of_intent {
            self.written_intent
        } else {
            self.written_asr
        };
        if self.decide(Defect::ConfidenceOutOfRange, draws, draw::OUT_OF_RANGE) {
            confidence = if draws.chance(draw::OUT_OF_RANGE_HOW, 0.5) {
                107
            } else {
                -30
            };
        }
        if self.decide(Defect::ConfidenceAsPercent, draws, draw::PERCENT) {
            confidence *= 100;
        }
        *(if of_intent {
            &mut self.written_intent
        } else {
            &mut self.written_asr
        }) = confidence;
        self.is_orphan = self.decide(Defect::OrphanTurn, draws, draw::ORPHAN);
    }

    fn decide(&mut self, defect: Defect, draws: Entity, draw: u64) -> bool {
        self.marks.note(defect as usize, draws.chance(draw, defect.rate()))
    }

    /// Users speak first, then in turn.
    pub fn is_user(&self) -> bool {
        self.position.is_multiple_of(2)
    }

    pub fn write(&self, rows: &mut Rows, ingested_at: Micros) {
        let session = session::number(self.session) + if self.is_orphan { NOWHERE } else { 0 };
        rows.tagged('T', FIRST_ID + self.index).tagged('S', session);
        rows.int((self.position + u64::from(!self.same_number)).cast_signed());
        rows.text(if self.is_user() { "user" } else { "system" })
            .text(self.intent);
        rows.decimal(float(self.written_intent) / 100.0, 2)
            .decimal(float(self.written_asr) / 100.0, 2);
        rows.maybe(self.error.map(TurnError::name)).int(self.duration);
        rows.date(self.started_at).time(self.started_at).time(ingested_at).end();
    }
}
