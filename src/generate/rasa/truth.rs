//! The truth that models must find in the conversations, by walking through each sender's events as the bot would.
//!
//! An event counts once its load is complete. Copies count once. Sessions begin where the bot begins them, not where
//! the script did: a late marker moves the boundary.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::clock::{self, DAY, HOUR, Micros};
use super::super::exp::truth::rate;
use super::event::{Event, Kind, load_end};
use super::user::User;

/// The headline figures of domain `rasa`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RasaTruth {
    /// When the newest load was announced, for the second time where it was retried.
    pub as_of: Option<Timestamp>,
    pub loads: u64,
    pub events: u64,
    pub duplicate_events: u64,
    pub senders: u64,
    pub users: u64,
    pub identified_senders: u64,
    pub sessions: u64,
    pub bounced_sessions: u64,
    pub handed_off_sessions: u64,
    pub contained_sessions: u64,
    /// Contained, and the user does not come back within 24 hours.
    pub contained_no_return_sessions: u64,
    /// With an event in the last hour.
    pub open_sessions: u64,
    /// Not bounced and not open, and how many of them are contained.
    pub closed_dialogues: u64,
    pub contained_closed_sessions: u64,
    pub contained_no_return_closed_sessions: u64,
    pub frustrated_sessions: u64,
    pub user_messages: u64,
    /// Interactions after the first message that were not taken back.
    pub dialogue_interactions: u64,
    pub fallback_interactions: u64,
    pub slot_requests: u64,
    pub filled_requests: u64,
    /// Values offered up to the one that filled a request.
    pub attempts_until_fill: u64,
    /// Readable confidences of messages that were not taken back, and their sum in hundredths.
    pub intent_confidences: u64,
    pub intent_confidence_hundredths: u64,
    pub unreadable_confidences: u64,
    pub missing_intents: u64,
    pub bounce_rate: Option<f64>,
    /// Of closed dialogues, as the next one.
    pub containment_rate: Option<f64>,
    pub containment_no_return_rate: Option<f64>,
    /// Of sessions that did not bounce, as the next two.
    pub handover_rate: Option<f64>,
    pub frustration_rate: Option<f64>,
    pub interactions_per_session: Option<f64>,
    pub fallback_rate: Option<f64>,
    pub intent_confidence_avg: Option<f64>,
    pub slot_fill_rate: Option<f64>,
    pub attempts_per_fill: Option<f64>,
}

/// A session without an event for this long is closed.
const OPEN: Micros = HOUR;

/// Sums over users.
#[derive(Clone, Debug, Default)]
pub struct RasaSums {
    truth: RasaTruth,
    /// Ends of the loads that hold events.
    pub loads: BTreeSet<Micros>,
    /// Sessions that may turn out to be open.
    recent: Vec<Outcome>,
}

/// What a session came to.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    end: Micros,
    dialogue: bool,
    contained: bool,
    returns: bool,
}

/// A session as it is found.
#[derive(Default)]
struct Found {
    start: Micros,
    end: Micros,
    messages: u64,
    handed_off: bool,
    frustrated: bool,
    fallbacks: u64,
    dialogue: u64,
}

impl RasaSums {
    pub fn merge(&mut self, other: &Self) {
        let (sum, more) = (&mut self.truth, &other.truth);
        sum.events += more.events;
        sum.duplicate_events += more.duplicate_events;
        sum.senders += more.senders;
        sum.users += more.users;
        sum.identified_senders += more.identified_senders;
        sum.sessions += more.sessions;
        sum.bounced_sessions += more.bounced_sessions;
        sum.handed_off_sessions += more.handed_off_sessions;
        sum.contained_sessions += more.contained_sessions;
        sum.contained_no_return_sessions += more.contained_no_return_sessions;
        sum.closed_dialogues += more.closed_dialogues;
        sum.contained_closed_sessions += more.contained_closed_sessions;
        sum.contained_no_return_closed_sessions += more.contained_no_return_closed_sessions;
        sum.frustrated_sessions += more.frustrated_sessions;
        sum.user_messages += more.user_messages;
        sum.dialogue_interactions += more.dialogue_interactions;
        sum.fallback_interactions += more.fallback_interactions;
        sum.slot_requests += more.slot_requests;
        sum.filled_requests += more.filled_requests;
        sum.attempts_until_fill += more.attempts_until_fill;
        sum.intent_confidences += more.intent_confidences;
        sum.intent_confidence_hundredths += more.intent_confidence_hundredths;
        sum.unreadable_confidences += more.unreadable_confidences;
        sum.missing_intents += more.missing_intents;
        self.loads.extend(&other.loads);
        self.recent.extend(&other.recent);
        self.settle();
    }

    /// Counts the sessions that are closed whatever comes; `as_of` only grows.
    fn settle(&mut self) {
        let Some(newest) = self.loads.last().copied() else {
            return;
        };
        let (closed, recent) = self.recent.drain(..).partition(|session| session.end <= newest - OPEN);
        self.recent = recent;
        let closed: Vec<Outcome> = closed;
        self.close(&closed);
    }

    fn close(&mut self, closed: &[Outcome]) {
        for session in closed {
            self.truth.closed_dialogues += u64::from(session.dialogue);
            self.truth.contained_closed_sessions += u64::from(session.contained);
            self.truth.contained_no_return_closed_sessions += u64::from(session.contained && !session.returns);
        }
    }

    /// `as_of` is when the last announcement of a load was made.
    pub fn finish(mut self, as_of: Option<Micros>) -> RasaTruth {
        let limit = as_of.unwrap_or(Micros::MAX).saturating_sub(OPEN);
        let (open, closed): (Vec<Outcome>, Vec<Outcome>) = std::mem::take(&mut self.recent)
            .into_iter()
            .partition(|session| session.end > limit);
        self.close(&closed);
        let truth = self.truth;
        let dialogues = truth.sessions - truth.bounced_sessions;
        RasaTruth {
            as_of: as_of.map(clock::timestamp),
            loads: self.loads.len() as u64,
            open_sessions: open.len() as u64,
            bounce_rate: rate(truth.bounced_sessions, truth.sessions),
            containment_rate: rate(truth.contained_closed_sessions, truth.closed_dialogues),
            containment_no_return_rate: rate(truth.contained_no_return_closed_sessions, truth.closed_dialogues),
            handover_rate: rate(truth.handed_off_sessions, dialogues),
            frustration_rate: rate(truth.frustrated_sessions, dialogues),
            interactions_per_session: rate(truth.user_messages, dialogues),
            fallback_rate: rate(truth.fallback_interactions, truth.dialogue_interactions),
            intent_confidence_avg: rate(truth.intent_confidence_hundredths, truth.intent_confidences * 100),
            slot_fill_rate: rate(truth.filled_requests, truth.slot_requests),
            attempts_per_fill: rate(truth.attempts_until_fill, truth.filled_requests),
            ..truth
        }
    }

    /// `arrived` is asked for the end of an event's load.
    pub fn add(&mut self, user: &User, events: &[Event], arrived: impl Fn(Micros) -> bool) {
        let mut senders: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
        for event in events {
            let first = load_end(event.arrived_at);
            if !arrived(first) {
                continue;
            }
            self.loads.insert(first);
            if let Some(again) = event.again.map(|(_, at)| load_end(at)).filter(|end| arrived(*end)) {
                self.loads.insert(again);
                self.truth.duplicate_events += 1;
            }
            senders.entry(event.sender).or_default().push(event);
        }
        let mut people: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for (sender, mut events) in senders {
            events.sort_unstable_by_key(|event| (event.at, event.id));
            let person = events
                .iter()
                .find_map(|event| event.person)
                .map(|changed| user.person(changed));
            self.truth.senders += 1;
            self.truth.identified_senders += u64::from(person.is_some());
            self.events(&events);
            let found = self.sessions(&events);
            people
                .entry(person.unwrap_or_else(|| user.sender(sender)))
                .or_default()
                .extend(found);
        }
        self.truth.users += people.len() as u64;
        for sessions in people.values() {
            self.outcomes(sessions);
        }
    }

    fn events(&mut self, events: &[&Event]) {
        let truth = &mut self.truth;
        truth.events += events.len() as u64;
        for event in events.iter().filter(|event| event.kind == Kind::User) {
            truth.user_messages += 1;
            truth.missing_intents += u64::from(event.name.is_none());
            truth.unreadable_confidences += u64::from(event.written == super::event::Written::NaN);
        }
    }

    fn outcomes(&mut self, sessions: &[Found]) {
        let truth = &mut self.truth;
        for session in sessions {
            let returns = |other: &Found| other.start > session.end && other.start <= session.end + DAY;
            let outcome = Outcome {
                end: session.end,
                dialogue: session.messages > 0,
                contained: session.messages > 0 && !session.handed_off,
                returns: sessions.iter().any(returns),
            };
            self.recent.push(outcome);
            truth.sessions += 1;
            truth.handed_off_sessions += u64::from(session.handed_off);
            truth.fallback_interactions += session.fallbacks;
            truth.dialogue_interactions += session.dialogue;
            truth.bounced_sessions += u64::from(!outcome.dialogue);
            truth.frustrated_sessions += u64::from(outcome.dialogue && session.frustrated);
            truth.contained_sessions += u64::from(outcome.contained);
            truth.contained_no_return_sessions += u64::from(outcome.contained && !outcome.returns);
        }
    }

    /// Cuts a sender's events where the bot begins anew.
    fn sessions(&mut self, events: &[&Event]) -> Vec<Found> {
        let mut cuts = Vec::new();
        // A restart that nobody has spoken after.
        let mut restarted = false;
        for (place, event) in events.iter().enumerate() {
            let before = place.checked_sub(1).map(|place| events[place]);
            let metadata = |event: &Event| event.is(Kind::Slot, "session_started_metadata");
            let begins = if event.is(Kind::Action, "action_session_start") {
                !before.is_some_and(metadata)
            } else {
                metadata(event)
                    && events
                        .get(place + 1)
                        .is_some_and(|next| next.is(Kind::Action, "action_session_start"))
            };
            let restarts = event.is(Kind::Action, "action_restart");
            if place == 0 || restarts || (begins && !restarted) {
                cuts.push(place);
            }
            restarted = restarts || (restarted && event.kind != Kind::User);
        }
        let ends = cuts.iter().skip(1).copied().chain([events.len()]);
        cuts.iter()
            .zip(ends)
            .map(|(from, to)| self.session(&events[*from..to]))
            .collect()
    }

    fn session(&mut self, events: &[&Event]) -> Found {
        let reverted = reverted(events);
        let mut found = Found {
            start: events.first().map_or(0, |event| event.at),
            end: events.last().map_or(0, |event| event.at),
            ..Found::default()
        };
        // The interaction's message was taken back; it had a fallback already.
        let (mut taken_back, mut failed) = (false, false);
        for (event, reverted) in events.iter().zip(&reverted) {
            if event.kind == Kind::User {
                found.messages += 1;
                (taken_back, failed) = (*reverted, false);
                found.dialogue += u64::from(!reverted);
                if !reverted && event.written != super::event::Written::NaN {
                    self.truth.intent_confidences += 1;
                    self.truth.intent_confidence_hundredths += event.confidence.unsigned_abs();
                }
            }
            let fails = event.is(Kind::User, "nlu_fallback") || event.is(Kind::Action, "action_default_fallback");
            if fails && !reverted && !failed && !taken_back && found.messages > 0 {
                failed = true;
                found.fallbacks += 1;
            }
            found.handed_off |= event.is(Kind::Action, "action_agent_handoff") && !reverted;
            found.frustrated |= event.is(Kind::User, "react_frustrated") && !reverted;
        }
        self.requests(events, &reverted);
        found
    }

    fn requests(&mut self, events: &[&Event], reverted: &[bool]) {
        let mut form = None;
        for (place, event) in events.iter().enumerate() {
            if event.kind == Kind::ActiveLoop {
                form = event.name;
            }
            if form.is_none() || reverted[place] || !event.is(Kind::Slot, "requested_slot") || !event.filled() {
                continue;
            }
            self.truth.slot_requests += 1;
            let wanted = event.slot.trim_matches('"');
            let rest = events[place + 1..]
                .iter()
                .take_while(|later| later.kind != Kind::ActiveLoop);
            let attempts: Vec<bool> = rest
                .filter(|later| later.is(Kind::Slot, wanted))
                .map(|later| later.filled())
                .collect();
            let fill = attempts.iter().position(|filled| *filled);
            self.truth.attempts_until_fill += fill.map_or(0, |place| place as u64 + 1);
            self.truth.filled_requests += u64::from(fill.is_some());
        }
    }
}

/// A rewind takes back everything from the last message on that still stands, unless a fallback rewinds what it answered.
fn reverted(events: &[&Event]) -> Vec<bool> {
    let mut reverted = vec![false; events.len()];
    let mut standing = Vec::new();
    let mut falls_back = false;
    for (place, event) in events.iter().enumerate() {
        match event.kind {
            Kind::User => standing.push(place),
            Kind::Rewind if !falls_back => {
                if let Some(from) = standing.pop() {
                    reverted[from..place].fill(true);
                }
            }
            _ => {}
        }
        if matches!(event.kind, Kind::User | Kind::Action | Kind::Rewind) {
            falls_back = event.is(Kind::Action, "action_default_fallback");
        }
    }
    reverted
}
