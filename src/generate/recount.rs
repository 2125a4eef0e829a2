//! The injected defects found again in emitted `COPY` text, to hold the counts of the manifest against.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::oracle::{rows, time};

pub type Found = BTreeMap<&'static str, u64>;

const HOUR: i64 = 3_600_000_000;

fn json(text: Option<&String>) -> Value {
    serde_json::from_str(text.unwrap()).unwrap()
}

/// `table` gives the text of a table of schema `exp`.
pub fn exp(table: impl Fn(&str) -> String) -> Found {
    let mut found = Found::new();
    let mut add = |name: &'static str, here: bool| *found.entry(name).or_default() += u64::from(here);
    let variants: HashSet<String> = rows(&table("variants"))
        .iter()
        .map(|row| row[0].clone().unwrap())
        .collect();
    let assigned: HashMap<(String, String), String> = rows(&table("assignments"))
        .iter()
        .map(|row| {
            (
                (row[1].clone().unwrap(), row[4].clone().unwrap()),
                row[2].clone().unwrap(),
            )
        })
        .collect();
    for row in rows(&table("events")) {
        let (context, metrics, payload) = (json(row[5].as_ref()), json(row[6].as_ref()), json(row[7].as_ref()));
        let again = context.get("attempt").is_some();
        add("retry_duplicate", again);
        if again {
            continue;
        }
        let (kind, unit) = (row[1].clone().unwrap(), row[3].clone().unwrap());
        let late = time(row[9].as_ref().unwrap()) - time(row[8].as_ref().unwrap());
        let talk = context.get("flow_version").is_some();
        add("late_arrival", late >= HOUR);
        add("future_timestamp", late < -300_000_000);
        add("out_of_order_arrival", talk && (19_000_000..HOUR).contains(&late));
        add("missing_session_id", talk && context.get("session_id").is_none());
        add(
            "missing_flow_id",
            kind == "message_sent" && context.get("flow_id").is_none(),
        );
        let experiments = json(row[4].as_ref());
        let id = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
        let named: Vec<(String, String)> = experiments
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (id(entry, "experiment_id"), id(entry, "variant_id")))
            .collect();
        add(
            "orphan_variant",
            named.iter().any(|(_, variant)| !variants.contains(variant)),
        );
        let other = |(experiment, variant): &(String, String)| {
            variants.contains(variant) && assigned[&(experiment.clone(), unit.clone())] != *variant
        };
        add("variant_mismatch", named.iter().any(other));
        let numbers: Vec<&Value> = metrics.as_object().unwrap().values().collect();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        add(
            "number_as_string",
            numbers.iter().any(|n| n.as_str().is_some_and(digits)),
        );
        let malformed = |n: &&&Value| match n {
            Value::String(text) => !digits(text),
            number => number.as_f64().is_none_or(|number| !(0.0..9e15).contains(&number)),
        };
        add("number_malformed", numbers.iter().any(|n| malformed(&n)));
        let cancelled = payload["completion_reason"] == "user_cancelled" && payload["final_state"] != "cancelled";
        add("completed_as_cancelled", cancelled);
        if kind == "user_dropped_off" {
            add("progress_as_percentage", payload["progress"].as_f64().unwrap() > 1.0);
            add(
                "state_conflict",
                payload["last_active_state"] != context["current_state"],
            );
        }
    }
    found
}

/// `table` gives the text of a table of schema `voice_raw`.
pub fn voice(table: impl Fn(&str) -> String) -> Found {
    let mut found = Found::new();
    let mut add = |name: &'static str, here: bool| *found.entry(name).or_default() += u64::from(here);
    let mut seen = HashSet::new();
    for row in rows(&table("voice_turns")) {
        let fresh = seen.insert(row[0].clone());
        add("duplicate_turn", !fresh);
        if fresh {
            let late = time(row[11].as_ref().unwrap()) - time(row[10].as_ref().unwrap());
            add("late_turn", late >= HOUR);
            add("orphan_turn", row[1].as_ref().unwrap().len() > 12);
            let confidence = |place: usize| row[place].as_ref().unwrap().parse::<f64>().unwrap();
            let odd = |wanted: fn(f64) -> bool| wanted(confidence(5)) || wanted(confidence(6));
            add("confidence_as_percent", odd(|c| c > 1.5));
            add("confidence_out_of_range", odd(|c| c < 0.0 || (c > 1.0 && c < 1.5)));
        }
    }
    let escalated: HashMap<String, bool> = rows(&table("voice_ai_metrics"))
        .iter()
        .map(|row| (row[0].clone().unwrap(), row[6].as_deref() == Some("yes")))
        .collect();
    for row in rows(&table("voice_sessions")) {
        let transferred = row[6].as_deref() == Some("transferred");
        add("never_closed", row[6].is_none());
        add(
            "negative_duration",
            row[4].as_ref().is_some_and(|length| length.starts_with('-')),
        );
        add("reason_without_transfer", row[7].is_some() && !transferred);
        let escalated = escalated.get(row[0].as_ref().unwrap());
        add(
            "escalation_conflict",
            row[6].is_some() && escalated.is_some_and(|escalated| *escalated != transferred),
        );
    }
    for row in rows(&table("users")) {
        let region = row[1].as_ref().unwrap();
        add(
            "mixed_case_region",
            region.bytes().any(|byte| byte.is_ascii_uppercase()),
        );
    }
    found
}

/// `events` and `loads` are the texts of the tables of schema `rasa_tracker`.
pub fn rasa(events: &str, loads: &str) -> Found {
    let mut found = Found::new();
    let mut add = |name: &'static str, here: bool| *found.entry(name).or_default() += u64::from(here);
    let mut seen = HashSet::new();
    let mut senders: BTreeMap<String, Vec<(i64, i64, String, Value)>> = BTreeMap::new();
    let mut all = rows(events);
    all.sort_by_key(|row| row[8].clone());
    for row in all {
        let text = |place: usize| row[place].clone().unwrap();
        let fresh = seen.insert((text(1), text(6)));
        add("duplicate_event", !fresh);
        if !fresh {
            continue;
        }
        let (seconds, fraction) = row[3].as_ref().unwrap().split_once('.').unwrap();
        let at = seconds.parse::<i64>().unwrap() * 1_000_000 + fraction.parse::<i64>().unwrap();
        let late = time(&text(8)) - at;
        add("late_event", late >= HOUR);
        add("out_of_order", (990_000..HOUR).contains(&late));
        let data = json(row[6].as_ref());
        let intent = &data["parse_data"]["intent"];
        add("intent_missing", text(2) == "user" && intent["name"].is_null());
        add("confidence_nan", intent["confidence"] == "NaN");
        add(
            "confidence_as_text",
            intent["confidence"].is_string() && intent["confidence"] != "NaN",
        );
        let free = !["requested_slot", "session_started_metadata"].contains(&data["name"].as_str().unwrap_or_default());
        let odd = !data["value"].is_string() && !data["value"].is_null();
        add("slot_of_other_type", text(2) == "slot" && free && odd);
        let id = text(0).parse().unwrap();
        senders.entry(text(1)).or_default().push((at, id, text(2), data));
    }
    for mut events in senders.into_values() {
        events.sort_by_key(|(at, id, ..)| (*at, *id));
        add("bot_only_sender", events.iter().all(|(_, _, kind, _)| kind == "bot"));
        for pair in events.windows(2) {
            add("equal_timestamp", pair[0].0 == pair[1].0);
        }
        let people: HashSet<&str> = events
            .iter()
            .filter_map(|(.., data)| data["metadata"]["user_id"].as_str())
            .collect();
        add("user_id_change", people.len() > 1);
    }
    let announced = rows(loads);
    let loads: HashSet<_> = announced.iter().map(|row| row[0].clone()).collect();
    found.insert("retried_load", (announced.len() - loads.len()) as u64);
    found
}
