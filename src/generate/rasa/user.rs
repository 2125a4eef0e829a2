//! People and the senders that they write from.

use super::super::distribution::geometric;
use super::super::marks::Marks;
use super::super::random::{Entity, Stream};
use super::defect::Defect;

/// Draws of stream `rasa.user`.
mod draw {
    pub const SESSIONS: u64 = 0;
    pub const IDENTIFIED: u64 = 1;
    pub const SEVERAL: u64 = 2;
    pub const SENDERS: u64 = 3;
    pub const KNOWN_LATER: u64 = 4;
    pub const CHANNEL: u64 = 5;
    pub const FIRST_DAY: u64 = 7;
    pub const BOT_ONLY: u64 = 16; // one for each sender
    pub const CHANGE: u64 = 20; // one for each sender
}

/// Most sessions of a user.
const SESSIONS: i64 = 60;
/// The share of users who come back. Only they can write from several senders or become known later, so that either
/// is so much likelier for them.
const RETURNING: f64 = 2.0 / 3.0;
const SEVERAL: f64 = 0.15 / RETURNING;
const KNOWN_LATER: f64 = 0.2 / RETURNING;

pub struct User {
    pub index: u64,
    pub identified: bool,
    /// The first session does not tell who it is.
    pub known_later: bool,
    pub senders: u64,
    pub channel: &'static str,
    pub first_day: i64,
    /// By sender.
    pub bot_only: [bool; 4],
    /// By sender, as the next one.
    pub marks: [Marks; 4],
    draws: Entity,
}

/// 3 on the average.
pub fn sessions(users: Stream, index: u64) -> u64 {
    let more = geometric(users.entity(index).uniform(draw::SESSIONS), 1.0 / 3.0);
    1 + more.min(SESSIONS - 1).unsigned_abs()
}

impl User {
    pub fn new(users: Stream, index: u64) -> Self {
        let draws = users.entity(index);
        let identified = draws.chance(draw::IDENTIFIED, 0.6);
        let returns = sessions(users, index) > 1;
        let several = identified && returns && draws.chance(draw::SEVERAL, SEVERAL);
        let senders = if several { 2 + draws.below(draw::SENDERS, 3) } else { 1 };
        let mut marks = [Marks::default(); 4];
        let mut bot_only = [false; 4];
        for ((only, mark), sender) in bot_only.iter_mut().zip(&mut marks).zip(0..senders) {
            *only = mark.note(
                Defect::BotOnly as usize,
                draws.chance(draw::BOT_ONLY + sender, Defect::BotOnly.rate()),
            );
        }
        let channels = [("rest", 0.5), ("whatsapp", 0.3), ("telegram", 0.2)];
        Self {
            index,
            identified,
            known_later: returns && draws.chance(draw::KNOWN_LATER, KNOWN_LATER),
            senders,
            channel: draws.pick(draw::CHANNEL, &channels),
            first_day: draws.between(draw::FIRST_DAY, 0, 83),
            bot_only,
            marks,
            draws,
        }
    }

    /// Whether a sender's later messages tell somebody else.
    pub fn changes(&self, sender: u64, mark: &mut Marks) -> bool {
        mark.note(
            Defect::UserIdChange as usize,
            self.draws.chance(draw::CHANGE + sender, Defect::UserIdChange.rate()),
        )
    }

    /// The sender that a session comes from: each in turn, then any.
    pub fn writes_from(&self, place: u64, any: u64) -> u64 {
        if place < self.senders { place } else { any }
    }

    /// On messaging channels a sender is a telephone number.
    pub fn sender(&self, place: u64) -> String {
        let number = self.index * 4 + place;
        if self.channel == "whatsapp" {
            format!("+2507{number:08}")
        } else {
            format!("sender-{number}")
        }
    }

    pub fn person(&self, changed: bool) -> String {
        format!("{}-{}", if changed { "other" } else { "person" }, self.index)
    }
}
