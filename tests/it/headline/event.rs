//! Events of experiments and flows as they stand in `exp.events`: read, judged, and without their copies.

use std::collections::HashSet;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::names::Names;
use crate::support::Database;

pub const TALK: [&str; 4] = [
    "conversation_started",
    "message_sent",
    "flow_completed",
    "user_dropped_off",
];

pub struct Event {
    pub id: String,
    pub kind: u32,
    pub unit: u32,
    pub at: i64,
    pub created: i64,
    /// Experiment and variant.
    pub experiments: Vec<(u32, u32)>,
    pub session: Option<u32>,
    pub flow: Option<u32>,
    pub state: Option<u32>,
    pub context_state: Option<u32>,
    pub payload_state: Option<u32>,
    pub plan: Option<u32>,
    /// Why it was completed or dropped.
    pub reason: Option<u32>,
    pub from_user: bool,
    pub total_turns: Option<i64>,
    pub tokens: Option<i64>,
    pub score: Option<f64>,
    pub rejected: Option<&'static str>,
    pub is_copy: bool,
    content: [u8; 16],
    request: Option<(u32, Option<i64>)>,
}

/// A number, or text that is plainly one: digits, perhaps a sign and a fraction.
pub fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let (whole, part) = digits
                .split_once('.')
                .map_or((digits, None), |(whole, part)| (whole, Some(part)));
            let all = |text: &str, most: usize| {
                (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
            };
            (all(whole, 12) && part.is_none_or(|part| all(part, 9)))
                .then(|| text.parse().ok())
                .flatten()
        }
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "within the bounds")]
pub fn whole(value: &Json, most: f64) -> Option<i64> {
    number(value)
        .filter(|n| (0.0..=most).contains(n) && n.fract() == 0.0)
        .map(|n| n as i64)
}

/// The same for documents that say the same: keys in order, numbers by value.
fn canonical(value: &Json, out: &mut String) {
    match value {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            for key in keys {
                out.push_str(&format!("{key:?}:"));
                canonical(&map[key], out);
                out.push(',');
            }
            out.push('}');
        }
        Json::Array(list) => {
            for each in list {
                canonical(each, out);
                out.push(',');
            }
            out.push(']');
        }
        Json::Number(n) => out.push_str(&format!("{:?}", n.as_f64())),
        other => out.push_str(&other.to_string()),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn rejection(experiments: &Json, known: &HashSet<(u32, u32)>, event: &Event) -> Option<&'static str> {
    let Some(list) = experiments.as_array() else {
        return Some("experiments_not_array");
    };
    let id = |entry: &Json, key: &str| entry[key].as_str().is_some_and(is_uuid);
    if !list
        .iter()
        .all(|entry| id(entry, "experiment_id") && id(entry, "variant_id"))
    {
        Some("experiment_id_not_uuid")
    } else if !event.experiments.iter().all(|pair| known.contains(pair)) {
        Some("unknown_variant")
    } else if event.at > event.created + 300_000_000 {
        Some("timestamp_in_future")
    } else if event.at < 1_420_070_400_000_000 {
        Some("timestamp_before_2015")
    } else {
        None
    }
}

/// All events in the order of their arrival; `known` are the variants that exist.
pub fn read(database: &Database, names: &mut Names, known: &HashSet<(u32, u32)>) -> Vec<Event> {
    let mut events = Vec::new();
    let talk = TALK.map(|kind| names.of(kind));
    database.each_row(
        "select id, event_type, unit_type, unit_id, experiments, context, metrics, payload,
                (extract(epoch from timestamp) * 1000000)::bigint, (extract(epoch from created_at) * 1000000)::bigint
         from exp.events order by created_at, id",
        |row| {
            let text = |i: usize| row[i].as_deref().unwrap_or_default();
            let json = |i: usize| {
                row[i]
                    .as_deref()
                    .map_or(Json::Null, |text| serde_json::from_str(text).expect("JSON"))
            };
            let (experiments, mut context, metrics, payload) = (json(4), json(5), json(6), json(7));
            let kind = names.of(text(1));
            let request = context["request_id"]
                .as_str()
                .map(|id| names.of(&format!("{}/{id}", text(1))));
            let turn = whole(&metrics["turn_number"], 10_000.0);
            if let Some(context) = context.as_object_mut() {
                context.shift_remove("request_id");
                context.shift_remove("attempt");
            }
            let mut content = [text(1), text(2), text(3), text(8)].join("\u{1f}");
            for part in [&experiments, &context, &metrics, &payload] {
                canonical(part, &mut content);
            }
            let mut name = |value: &Json| {
                value
                    .as_str()
                    .filter(|text| !text.is_empty())
                    .map(|text| names.of(text))
            };
            let pair = |entry: &Json, name: &mut dyn FnMut(&Json) -> Option<u32>| {
                Some((name(&entry["experiment_id"])?, name(&entry["variant_id"])?))
            };
            let list = experiments.as_array().cloned().unwrap_or_default();
            let mut event = Event {
                id: text(0).to_owned(),
                kind,
                unit: 0,
                at: text(8).parse().expect("a time"),
                created: text(9).parse().expect("a time"),
                experiments: list.iter().filter_map(|entry| pair(entry, &mut name)).collect(),
                session: name(&context["session_id"]),
                flow: name(&context["flow_id"]),
                state: name(&context["current_state"]),
                context_state: name(&context["last_active_state"]),
                payload_state: name(&payload["last_active_state"]),
                plan: name(&payload["plan_id"]),
                reason: name(&payload["completion_reason"]).or_else(|| name(&payload["drop_off_reason"])),
                from_user: payload["sender"] == "user",
                total_turns: whole(&metrics["total_turns"], 10_000.0),
                tokens: whole(&metrics["token_count"], 1e9),
                score: number(&payload["satisfaction_score"]).filter(|score| (1.0..=5.0).contains(score)),
                rejected: None,
                is_copy: false,
                content: Sha256::digest(&content)[..16].try_into().expect("16 bytes"),
                request: request.map(|request| (request, turn)),
            };
            event.unit = names.of(&format!("{}:{}", text(2), text(3)));
            event.rejected = rejection(&experiments, known, &event);
            if event.rejected.is_none() && event.session.is_none() && talk.contains(&kind) {
                event.rejected = Some("session_without_id");
            }
            events.push(event);
        },
    );
    mark_copies(&mut events);
    events
}

/// Of rows with the same content, or of the same request, the first to arrive stays. What is rejected takes the place of
/// nothing that is good.
fn mark_copies(events: &mut [Event]) {
    let (mut contents, mut requests) = (HashSet::new(), HashSet::new());
    for event in events.iter_mut() {
        let good = event.rejected.is_none();
        let same = !contents.insert((good, event.content));
        let again = event.request.is_some_and(|request| !requests.insert((good, request)));
        event.is_copy = same || again;
    }
}
