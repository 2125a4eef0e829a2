//! Users of the voice assistant.

use super::super::clock::{MINUTE, Micros};
use super::super::copy::Rows;
use super::super::distribution::poisson;
use super::super::marks::Marks;
use super::super::random::Stream;
use super::defect::Defect;

const FIRST_ID: u64 = 1_000;

/// Draws of stream `voice.user`.
mod draw {
    pub const SESSIONS: u64 = 0;
    pub const REGION: u64 = 1;
    pub const FIRST_TIME: u64 = 2;
    pub const DISABILITY: u64 = 3;
    pub const LANGUAGE: u64 = 4;
    pub const MIXED_CASE: u64 = 5;
    pub const MIXED_CASE_HOW: u64 = 6;
}

pub struct User {
    pub index: u64,
    pub rural: bool,
    pub first_time: bool,
    disability: bool,
    pub language: &'static str,
    region: &'static str,
    pub ingested_at: Micros,
    pub marks: Marks,
}

pub fn sessions(users: Stream, index: u64) -> u64 {
    1 + poisson(users.entity(index).uniform(draw::SESSIONS), 1.7).unsigned_abs()
}

impl User {
    /// A user is known ten minutes before `first_session`.
    pub fn new(users: Stream, index: u64, first_session: Micros) -> Self {
        let draws = users.entity(index);
        let mut marks = Marks::default();
        let rural = draws.chance(draw::REGION, 0.586);
        let mixed = draws.chance(draw::MIXED_CASE, Defect::MixedCaseRegion.rate());
        marks.note(Defect::MixedCaseRegion as usize, mixed);
        let region = match (rural, mixed, draws.chance(draw::MIXED_CASE_HOW, 0.5)) {
            (true, false, _) => "rural",
            (false, false, _) => "urban",
            (true, true, true) => "Rural",
            (true, true, false) => "RURAL",
            (false, true, true) => "Urban",
            (false, true, false) => "URBAN",
        };
        let languages = [
            ("KINYARWANDA", 0.7),
            ("ENGLISH", 0.15),
            ("FRENCH", 0.1),
            ("SWAHILI", 0.05),
        ];
        Self {
            index,
            rural,
            first_time: draws.chance(draw::FIRST_TIME, 0.42),
            disability: draws.chance(draw::DISABILITY, 0.086),
            language: draws.pick(draw::LANGUAGE, &languages),
            region,
            ingested_at: first_session - 10 * MINUTE,
            marks,
        }
    }

    pub fn write(&self, rows: &mut Rows) {
        rows.tagged('U', number(self.index))
            .text(self.region)
            .text(yes(self.disability));
        rows.text(yes(self.first_time)).time(self.ingested_at).end();
    }
}

/// The number in a user's id.
pub fn number(index: u64) -> u64 {
    FIRST_ID + index
}

pub fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
