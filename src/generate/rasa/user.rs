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
    pub const CHANGE: u64 = 6;
    pub const FIRST_DAY: u64 = 7;
    pub const BOT_ONLY: u64 = 16; // one for each sender
}

/// Most sessions of a user.
const SESSIONS: i64 = 60;

pub struct User {
    pub index: u64,
    pub identified: bool,
    /// The first sessions do not tell who it is.
    pub known_later: bool,
    /// Later sessions tell somebody else.
    pub changes: bool,
    pub senders: u64,
    pub channel: &'static str,
    pub first_day: i64,
    /// By sender.
    pub bot_only: [bool; 4],
    pub marks: Vec<Marks>,
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
        let several = identified && draws.chance(draw::SEVERAL, 0.15);
        let senders = if several { 2 + draws.below(draw::SENDERS, 3) } else { 1 };
        let mut marks = Vec::new();
        let mut bot_only = [false; 4];
        for (only, sender) in bot_only.iter_mut().zip(0..senders) {
            let mut mark = Marks::default();
            *only = mark.note(
                Defect::BotOnly as usize,
                draws.chance(draw::BOT_ONLY + sender, Defect::BotOnly.rate()),
            );
            marks.push(mark);
        }
        let mut mark = Marks::default();
        let changes = identified && Self::changes(draws, &mut mark);
        marks.push(mark);
        let channels = [("rest", 0.5), ("whatsapp", 0.3), ("telegram", 0.2)];
        Self {
            index,
            identified,
            known_later: draws.chance(draw::KNOWN_LATER, 0.2),
            changes,
            senders,
            channel: draws.pick(draw::CHANNEL, &channels),
            first_day: draws.between(draw::FIRST_DAY, 0, 83),
            bot_only,
            marks,
        }
    }

    fn changes(draws: Entity, mark: &mut Marks) -> bool {
        mark.note(
            Defect::UserIdChange as usize,
            draws.chance(draw::CHANGE, Defect::UserIdChange.rate()),
        )
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
