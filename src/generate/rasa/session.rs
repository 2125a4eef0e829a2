//! The script of a session: what the user says, what the bot does, and what goes wrong on the way to the store.

use super::super::RasaProfile;
use super::super::clock::{DAY, HOUR, MILLISECOND, Micros, SECOND};
use super::super::distribution::{beta, exponential, float, geometric, log_normal, whole};
use super::super::marks::Marks;
use super::super::random::{Entity, Stream};
use super::defect::Defect;
use super::event::{Event, Kind, LOAD, Written, load_end};
use super::user::User;

/// The mean number of events of a session.
pub const ROWS: f64 = 38.0;
/// Spans of the indexes of turns and events in those of sessions.
const TURNS: u64 = 64;
const EVENTS: u64 = 2_048;
const MOST_MESSAGES: i64 = 40;
/// From this event on a session that changes it is of another environment.
const CHANGES_AT: u64 = 6;
/// The share of weekend sessions that do not wait for Monday or Tuesday. Since those get what waits, a day of the
/// weekend sees 0.6 times as many as other days: 5 / (5 + 2 * (1 - p)) * p = 0.6.
const STAYS: f64 = 4.2 / 6.2;

/// Draws of stream `rasa.session`.
mod draw {
    pub const GAP: u64 = 0; // and 1
    pub const HOUR: u64 = 2; // and 3, 4
    pub const WEEKEND: u64 = 5;
    pub const SENDER: u64 = 6;
    pub const BOUNCES: u64 = 7;
    pub const MESSAGES: u64 = 8;
    pub const RESTARTS: u64 = 9;
    pub const RESTART_AT: u64 = 10;
    pub const HANDOFF: u64 = 11;
    pub const DEVELOPMENT: u64 = 12;
    pub const CHANGES: u64 = 13;
    pub const NO_MARKER: u64 = 14;
    pub const METADATA: u64 = 15;
}

/// Draws of stream `rasa.turn`.
mod turn {
    pub const THINKS: u64 = 0; // and 1
    pub const EXACT: u64 = 2;
    pub const FRUSTRATED: u64 = 3;
    pub const HAPPY: u64 = 4;
    pub const INTENT: u64 = 5;
    pub const FILLS: u64 = 6;
    pub const SLOTS: u64 = 7;
    pub const ACTIONS: u64 = 8;
    pub const REWINDS: u64 = 10;
    pub const FEATURIZED: u64 = 11;
    pub const CONFIDENCE: u64 = 16; // to 25
    pub const SPEAKS: u64 = 26; // to 28
}

/// Draws of stream `rasa.event`.
mod each {
    pub const GAP: u64 = 0;
    pub const NETWORK: u64 = 1;
    pub const EQUAL: u64 = 2;
    pub const LATE: u64 = 3;
    pub const LATE_BY: u64 = 4;
    pub const DISORDER: u64 = 5;
    pub const DISORDER_BY: u64 = 6;
    pub const AGAIN: u64 = 7;
    pub const AGAIN_AFTER: u64 = 8;
    pub const SLOT: u64 = 9;
    pub const INTENT: u64 = 10;
    pub const TEXT: u64 = 11;
    pub const NAN: u64 = 12;
}

const STORIES: [&str; 6] = [
    "request_limit_change",
    "enquire_transaction_failure",
    "request_transaction_refund",
    "view_bill_details",
    "view_transactions",
    "view_user_details",
];

/// The form of a story and the slots it asks for.
fn form_of(story: &str) -> Option<(&'static str, &'static [&'static str])> {
    match story {
        "request_limit_change" => Some(("limit_form", &["card", "amount"])),
        "request_transaction_refund" => Some(("refund_form", &["transaction", "reason", "amount"])),
        _ => None,
    }
}

/// A request names its slot in JSON.
fn quoted(slot: &str) -> &'static str {
    match slot {
        "card" => "\"card\"",
        "amount" => "\"amount\"",
        "transaction" => "\"transaction\"",
        _ => "\"reason\"",
    }
}

#[derive(Clone, Copy)]
pub struct Sessions {
    pub profile: RasaProfile,
    pub sessions: Stream,
    pub turns: Stream,
    pub events: Stream,
}

/// A session while it is told.
struct Told {
    streams: Sessions,
    index: u64,
    sender: u64,
    environment: &'static str,
    /// From this event on the environment is another.
    changes_at: Option<u64>,
    person: Option<bool>,
    at: Micros,
    events: Vec<Event>,
}

/// Where the conversation stands.
#[derive(Default)]
struct State {
    form: Option<(&'static str, &'static [&'static str])>,
    asked: usize,
    tried: bool,
    fallbacks: u32,
    in_story: bool,
}

impl Sessions {
    /// The events of a session in the order of their making, the next one's earliest beginning, and its own marks.
    pub fn make(&self, user: &User, index: u64, place: u64, earliest: Micros) -> (Vec<Event>, Micros, Marks) {
        let draws = self.sessions.entity(index);
        let mut marks = Marks::default();
        let at = start(user, draws, place, earliest);
        let sender = user.writes_from(place, draws.below(draw::SENDER, user.senders));
        let development = draws.chance(draw::DEVELOPMENT, 0.03);
        let changes = draws.chance(draw::CHANGES, Defect::EnvironmentChange.rate());
        let known = user.identified && (!user.known_later || place > 0);
        let mut told = Told {
            streams: *self,
            index,
            sender,
            environment: if development { "development" } else { "production" },
            changes_at: changes.then_some(CHANGES_AT),
            person: known.then_some(false),
            at,
            events: Vec::new(),
        };
        let unmarked = marks.note(
            Defect::NoMarker as usize,
            draws.chance(draw::NO_MARKER, Defect::NoMarker.rate()),
        );
        if !unmarked {
            told.begins(draws.chance(draw::METADATA, 0.3));
        }
        if !draws.chance(draw::BOUNCES, 0.08) || unmarked {
            told.talks(draws);
        }
        let end = told.at;
        let mut events = told.events;
        if events.len() as u64 > CHANGES_AT {
            marks.note(Defect::EnvironmentChange as usize, changes);
        }
        if user.bot_only[usize::try_from(sender).unwrap_or(0)] {
            events.retain(|event| event.kind == Kind::Bot);
            marks = Marks::default();
        }
        (events, end, marks)
    }
}

fn start(user: &User, draws: Entity, place: u64, earliest: Micros) -> Micros {
    let of_day = (super::super::clock::moment(draws, draw::HOUR) - super::super::clock::START).rem_euclid(DAY);
    let day = if place == 0 {
        super::super::clock::START + user.first_day * DAY
    } else {
        let gap = log_normal(draws, draw::GAP, 2.0 * float(DAY), 1.2).min(60.0 * float(DAY));
        (earliest + whole(gap)).div_euclid(DAY) * DAY
    };
    // 1970 began on a Thursday.
    let weekend = matches!(day.div_euclid(DAY).rem_euclid(7), 2 | 3);
    let waits = weekend && !draws.chance(draw::WEEKEND, STAYS);
    let at = day + if waits { 2 * DAY } else { 0 } + of_day;
    at.max(earliest + 5 * 60 * SECOND)
}

impl Told {
    fn begins(&mut self, with_metadata: bool) {
        if with_metadata {
            self.slot("session_started_metadata", "{\"source\":\"web\"}");
        }
        self.action("action_session_start");
        self.add(Kind::SessionStarted, None);
        self.action("action_listen");
    }

    fn talks(&mut self, draws: Entity) {
        let messages = 1 + geometric(draws.uniform(draw::MESSAGES), 1.0 / 6.0).min(MOST_MESSAGES - 1);
        let restart = draws
            .chance(draw::RESTARTS, 0.06)
            .then(|| draws.between(draw::RESTART_AT, 0, messages - 1));
        let handed_off = draws.chance(draw::HANDOFF, 0.09);
        let last = (0..messages).rev().find(|number| restart != Some(*number));
        let mut state = State::default();
        for number in 0..messages {
            let turn = self.streams.turns.entity(self.index * TURNS + number.unsigned_abs());
            self.at += whole(log_normal(turn, turn::THINKS, 9.0 * float(SECOND), 0.8)).clamp(SECOND, HOUR / 2);
            if restart == Some(number) {
                self.restarts();
                state = State::default();
                continue;
            }
            self.says(turn, &mut state, number == 0);
            if turn.chance(turn::REWINDS, 0.03) {
                self.add(Kind::Rewind, None);
            }
            if handed_off && last == Some(number) {
                self.action("action_agent_handoff");
            }
            self.action("action_listen");
        }
    }

    fn restarts(&mut self) {
        self.user("restart", 100);
        self.action("action_restart");
        self.add(Kind::Bot, Some("utter_restart"));
        self.add(Kind::Restart, None);
        self.at += 200 * MILLISECOND;
        self.begins(false);
    }

    fn says(&mut self, turn: Entity, state: &mut State, first: bool) {
        let confidence = if turn.chance(turn::EXACT, 0.13) {
            100
        } else {
            whole(beta(turn, turn::CONFIDENCE, 8, 2) * 100.0)
        };
        if turn.chance(turn::FEATURIZED, 0.12) {
            self.add(Kind::Featurization, None);
        }
        if confidence < 30 {
            state.fallbacks += 1;
            self.user("nlu_fallback", confidence);
            self.action("action_default_fallback");
            self.add(Kind::Bot, Some("utter_rephrase"));
        } else if turn.chance(turn::FRUSTRATED, if state.fallbacks >= 2 { 0.2 } else { 0.05 }) {
            self.user("react_frustrated", confidence);
            self.answers(turn, "utter_sorry");
        } else if let Some((form, slots)) = state.form {
            self.user("inform", confidence);
            self.action(form);
            self.fills(turn, slots, state);
        } else if state.in_story && turn.chance(turn::HAPPY, 0.18) {
            state.in_story = false;
            self.user("thankyou", confidence);
            self.answers(turn, "utter_welcome");
        } else if first && turn.chance(turn::HAPPY, 0.5) {
            self.user("greet", confidence);
            self.answers(turn, "utter_greet");
        } else {
            self.asks(turn, state, confidence);
        }
    }

    fn asks(&mut self, turn: Entity, state: &mut State, confidence: i64) {
        let mut intents = [("faq", 0.2); 8];
        for (choice, story) in intents.iter_mut().zip(STORIES) {
            *choice = (story, 0.12);
        }
        intents[7] = ("out_of_scope", 0.08);
        let intent = turn.pick(turn::INTENT, &intents);
        self.user(intent, confidence);
        state.in_story |= STORIES.contains(&intent);
        let form = form_of(intent).filter(|_| self.streams.profile == RasaProfile::Stories);
        if let Some((form, slots)) = form {
            (state.form, state.asked, state.tried) = (Some((form, slots)), 0, false);
            self.action(form);
            self.add(Kind::ActiveLoop, Some(form));
            self.slot("requested_slot", quoted(slots[0]));
        } else {
            self.answers(turn, "utter_answer");
        }
    }

    fn fills(&mut self, turn: Entity, slots: &'static [&'static str], state: &mut State) {
        let filled = turn.chance(turn::FILLS, if state.tried { 0.85 } else { 0.75 });
        self.slot(slots[state.asked], if filled { "\"100\"" } else { "null" });
        if filled {
            state.asked += 1;
        }
        state.tried = !filled;
        if let Some(next) = slots.get(state.asked) {
            self.slot("requested_slot", quoted(next));
            self.add(Kind::Bot, Some("utter_ask"));
        } else {
            state.form = None;
            self.slot("requested_slot", "null");
            self.add(Kind::ActiveLoop, None);
            self.action("action_submit");
            self.add(Kind::Bot, Some("utter_done"));
        }
    }

    /// Up to four slots, and one to three actions; 60 times in 100 an action says something.
    fn answers(&mut self, turn: Entity, utterance: &'static str) {
        for place in 0..turn.below(turn::SLOTS, 5) {
            let slot = ["last_intent", "language", "topic", "segment"][usize::try_from(place).unwrap_or(0)];
            self.slot(slot, "\"value\"");
        }
        let before = usize::try_from(turn.below(turn::ACTIONS, 3)).unwrap_or(0);
        let actions = [("action_lookup", "utter_wait"), ("action_policy_check", "utter_policy")];
        let told = actions.into_iter().take(before).chain([(utterance, utterance)]);
        for (draw, (action, said)) in (turn::SPEAKS..).zip(told) {
            self.action(action);
            if turn.chance(draw, 0.6) {
                self.add(Kind::Bot, Some(said));
            }
        }
    }

    fn action(&mut self, name: &'static str) {
        self.add(Kind::Action, Some(name));
    }

    fn slot(&mut self, name: &'static str, value: &'static str) {
        self.add(Kind::Slot, Some(name));
        if let Some(event) = self.events.last_mut() {
            event.slot = value;
            let draws = self.streams.events.entity(self.index * EVENTS + event.number);
            let other = name != "requested_slot" && event.filled() && name != "session_started_metadata";
            let changes = other
                && event.marks.note(
                    Defect::SlotOfOtherType as usize,
                    draws.chance(each::SLOT, Defect::SlotOfOtherType.rate()),
                );
            if changes {
                event.slot = draws.pick(each::SLOT + 16, &[("100", 1.0), ("[1,2]", 1.0), ("{\"a\":1}", 1.0)]);
            }
        }
    }

    fn user(&mut self, intent: &'static str, confidence: i64) {
        self.add(Kind::User, Some(intent));
        let Some(event) = self.events.last_mut() else { return };
        let draws = self.streams.events.entity(self.index * EVENTS + event.number);
        let mut decide = |defect: Defect, draw| event.marks.note(defect as usize, draws.chance(draw, defect.rate()));
        let missing = decide(Defect::IntentMissing, each::INTENT);
        let nan = decide(Defect::ConfidenceNaN, each::NAN);
        let text = !nan && decide(Defect::ConfidenceAsText, each::TEXT);
        event.confidence = confidence;
        event.person = self.person;
        if missing {
            event.name = None;
        }
        event.written = match (nan, text) {
            (true, _) => Written::NaN,
            (false, true) => Written::Text,
            (false, false) => Written::Number,
        };
    }

    fn add(&mut self, kind: Kind, name: Option<&'static str>) {
        let number = self.events.len() as u64;
        let draws = self.streams.events.entity(self.index * EVENTS + number);
        let mut marks = Marks::default();
        let mut decide = |defect: Defect, draw| marks.note(defect as usize, draws.chance(draw, defect.rate()));
        let gap = whole(exponential(draws.uniform(each::GAP)) * 20.0 * float(MILLISECOND)).max(1);
        // The same event at the same time would be a copy.
        let before = self.events.last().filter(|last| (last.kind, last.name) != (kind, name));
        self.at = match before.map(|last| last.at) {
            Some(at) if decide(Defect::EqualTimestamp, each::EQUAL) => at,
            _ => self.at + gap,
        };
        let mut arrived_at =
            self.at + whole(exponential(draws.uniform(each::NETWORK)) * 50.0 * float(MILLISECOND)).max(1);
        let late = decide(Defect::LateEvent, each::LATE);
        if late {
            arrived_at += draws.between(each::LATE_BY, HOUR, 10 * DAY);
        }
        // Nobody sees it of one that is late anyway, nor at the very end of a load.
        let end = load_end(arrived_at) - 1;
        if !late && arrived_at + SECOND <= end && decide(Defect::OutOfOrder, each::DISORDER) {
            arrived_at = (arrived_at + draws.between(each::DISORDER_BY, SECOND, 60 * SECOND)).min(end);
        }
        let again = decide(Defect::DuplicateEvent, each::AGAIN)
            .then(|| (0, arrived_at + draws.between(each::AGAIN_AFTER, 1, 8) * LOAD));
        let other = self.changes_at.is_some_and(|from| number >= from);
        self.events.push(Event {
            at: self.at,
            kind,
            name,
            slot: "null",
            confidence: 0,
            written: Written::Number,
            person: None,
            environment: if other { "test" } else { self.environment },
            sender: self.sender,
            session: self.index,
            number,
            id: 0,
            arrived_at,
            again,
            marks,
        });
    }
}

/// Lets a sender who becomes another person tell so from the second message on that tells who writes.
pub fn change(user: &User, events: &mut [Event]) {
    let mut told = [0_u32; 4];
    let mut changes = [false; 4];
    for event in events.iter_mut().filter(|event| event.person.is_some()) {
        let sender = usize::try_from(event.sender).unwrap_or(0);
        told[sender] += 1;
        if told[sender] == 2 {
            changes[sender] = user.changes(event.sender, &mut event.marks);
        }
        event.person = Some(changes[sender]);
    }
}

/// Events of a user in the order in which the store gets them, numbered in that order.
pub fn stored(user: &User, events: Vec<Event>) -> Vec<Event> {
    let mut events = events;
    let mut order: Vec<(Micros, usize, bool)> = Vec::new();
    for (place, event) in events.iter().enumerate() {
        order.push((event.arrived_at, place, false));
        order.extend(event.again.map(|(_, at)| (at, place, true)));
    }
    order.sort_unstable();
    for (id, (_, place, copy)) in (user.index << 18..).zip(order) {
        match (copy, &mut events[place].again) {
            (true, Some((again, _))) => *again = id,
            _ => events[place].id = id,
        }
    }
    events
}
