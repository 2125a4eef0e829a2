//! What a Rasa bot's tracker store says, without copies and in order; and where sessions, turns and forms begin and end.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;

use super::event::number;
use super::names::Names;
use crate::support::Database;

pub struct Event {
    pub seq: i64,
    /// Microseconds since 1970.
    pub at: i64,
    pub kind: u32,
    /// Intent, utterance, action, slot or form.
    pub name: Option<u32>,
    pub person: Option<u32>,
    pub environment: Option<u32>,
    pub channel: Option<u32>,
    pub confidence: Option<f64>,
    pub second_intent: Option<u32>,
    /// The value of a slot; nothing empties it.
    pub value: Option<u32>,
}

/// The newest announcement of a load, and the events of announced loads by sender.
pub struct Tracker {
    pub as_of: i64,
    pub loads: i64,
    pub copies: i64,
    pub senders: BTreeMap<u32, Vec<Event>>,
}

pub fn read(database: &Database, names: &mut Names) -> Tracker {
    let (mut announced, mut given_up, mut as_of) = (HashSet::new(), HashSet::new(), 0);
    database.each_row(
        "select load_id, status, (extract(epoch from inserted_at) * 1000000)::bigint from rasa_tracker._loads",
        |row| {
            let text = |i: usize| row[i].clone().unwrap_or_default();
            as_of = as_of.max(text(2).parse().expect("a time"));
            match text(1).as_str() {
                "0" => announced.insert(text(0)),
                "-1" => given_up.insert(text(0)),
                _ => false,
            };
        },
    );
    announced.retain(|load| !given_up.contains(load));
    let mut seen: HashSet<(u32, String)> = HashSet::new();
    let (mut copies, mut senders) = (0, BTreeMap::<u32, Vec<Event>>::new());
    database.each_row(
        "select id, sender_id, type_name, timestamp, data, load_id from rasa_tracker.events order by id",
        |row| {
            let text = |i: usize| row[i].as_deref().unwrap_or_default();
            if !announced.contains(text(5)) {
                return;
            }
            let mut data: Json = serde_json::from_str(text(4)).expect("JSON");
            if let Some(map) = data.as_object_mut() {
                for volatile in ["is_flagged", "sender_id", "user_id"] {
                    map.shift_remove(volatile);
                }
            }
            data.sort_all_objects();
            let sender = names.of(text(1));
            if !seen.insert((sender, format!("{} {} {data}", text(2), text(3)))) {
                copies += 1;
                return;
            }
            let event = event(
                &data,
                text(0).parse().expect("a number"),
                text(3).parse().expect("a time"),
                names,
            );
            senders.entry(sender).or_default().push(event);
        },
    );
    for events in senders.values_mut() {
        events.sort_by_key(|event| (event.at, event.seq));
    }
    Tracker {
        as_of,
        loads: announced.len() as i64,
        copies,
        senders,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "seconds of this century")]
fn event(data: &Json, seq: i64, seconds: f64, names: &mut Names) -> Event {
    let kind = data["event"].as_str().expect("a type").to_owned();
    let said = &data["parse_data"];
    let ranking = &said["intent_ranking"];
    let name = match kind.as_str() {
        "user" => &said["intent"]["name"],
        "bot" => &data["metadata"]["utter_action"],
        _ => &data["name"],
    };
    let value = match &data["value"] {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let mut name_of = |value: &Json| value.as_str().map(|text| names.of(text));
    let share = |value: &Json| number(value).filter(|n| (0.0..=1.0).contains(n));
    Event {
        seq,
        at: (seconds * 1e6).round() as i64,
        name: name_of(name),
        person: name_of(&data["metadata"]["user_id"]).filter(|_| kind == "user"),
        environment: name_of(&data["environment"]),
        channel: name_of(&data["input_channel"]),
        confidence: share(&said["intent"]["confidence"]),
        second_intent: name_of(&ranking[usize::from(ranking[0]["name"] == said["intent"]["name"])]["name"]),
        value: value.filter(|_| kind == "slot").map(|value| names.of(&value)),
        kind: names.of(&kind),
    }
}

/// Numbers of the names that mean something to the rules.
pub struct Words(HashMap<&'static str, u32>);

impl Words {
    pub fn new(names: &mut Names) -> Self {
        let words = [
            "user",
            "bot",
            "action",
            "slot",
            "active_loop",
            "rewind",
            "undo",
            "action_session_start",
            "action_restart",
            "action_default_fallback",
            "session_started_metadata",
            "requested_slot",
            "__unknown",
        ];
        Self(words.into_iter().map(|word| (word, names.of(word))).collect())
    }

    pub fn of(&self, word: &str) -> u32 {
        self.0[word]
    }

    pub fn is(&self, event: &Event, kind: &str, name: &str) -> bool {
        event.kind == self.of(kind) && event.name == Some(self.of(name))
    }
}

/// Places at which sessions of a sender begin.
pub fn session_starts(events: &[Event], words: &Words) -> Vec<usize> {
    let metadata = |place: usize| {
        events
            .get(place)
            .is_some_and(|event| words.is(event, "slot", "session_started_metadata"))
    };
    let action = |place: usize| {
        events
            .get(place)
            .is_some_and(|event| words.is(event, "action", "action_session_start"))
    };
    let mut starts = Vec::new();
    // The last boundary is a restart, and nobody has spoken since.
    let mut after_restart = false;
    for (place, event) in events.iter().enumerate() {
        let is_restart = words.is(event, "action", "action_restart");
        let follows_metadata = place > 0 && metadata(place - 1);
        let is_start = (action(place) && !follows_metadata) || (metadata(place) && action(place + 1));
        if place == 0 || is_restart || (is_start && !after_restart) {
            starts.push(place);
        }
        after_restart = is_restart || (after_restart && event.kind != words.of("user"));
    }
    starts
}

/// What rewinds and undos take back: everything from the last standing message, or action, up to them.
pub fn reverted(events: &[Event], words: &Words) -> Vec<bool> {
    let mut reverted = vec![false; events.len()];
    let (mut messages, mut actions) = (Vec::new(), Vec::new());
    let mut falls_back = false;
    for (place, event) in events.iter().enumerate() {
        // A fallback's own rewind.
        let kept = std::mem::take(&mut falls_back);
        let back = if event.kind == words.of("user") {
            messages.push(place);
            None
        } else if event.kind == words.of("action") {
            actions.push(place);
            falls_back = words.is(event, "action", "action_default_fallback");
            None
        } else if event.kind == words.of("rewind") {
            if kept { None } else { messages.pop() }
        } else if event.kind == words.of("undo") {
            falls_back = kept;
            actions.pop()
        } else {
            falls_back = kept;
            None
        };
        if let Some(from) = back {
            reverted[from..place].fill(true);
        }
    }
    reverted
}
