//! A second, naive implementation of the staging and session rules, over emitted `COPY` text instead of the
//! generator's own events, to hold the manifest against.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

/// Unescaped fields of every row of a table.
pub fn rows(text: &str) -> Vec<Vec<Option<String>>> {
    let field = |raw: &str| {
        let plain = raw
            .replace("\\\\", "\u{0}")
            .replace("\\t", "\t")
            .replace("\\n", "\n")
            .replace("\\r", "\r");
        (raw != "\\N").then(|| plain.replace('\u{0}', "\\"))
    };
    text.lines().map(|line| line.split('\t').map(field).collect()).collect()
}

pub fn time(text: &str) -> i64 {
    let iso = format!("{}Z", text.trim_end_matches("+00"));
    iso.parse::<Timestamp>().unwrap().as_microsecond()
}

pub struct Event {
    id: String,
    kind: String,
    unit: String,
    experiments: Vec<(String, String)>,
    context: Value,
    metrics: Value,
    payload: Value,
    at: i64,
    created: i64,
    /// Everything that two copies of a request share.
    content: String,
}

pub fn events(text: &str) -> Vec<Event> {
    rows(text).iter().map(|row| event(row)).collect()
}

fn event(row: &[Option<String>]) -> Event {
    let text = |i: usize| row[i].clone().unwrap();
    let json = |i: usize| serde_json::from_str::<Value>(&text(i)).unwrap();
    let mut bare = json(5);
    bare.as_object_mut().unwrap().shift_remove("request_id");
    bare.as_object_mut().unwrap().shift_remove("attempt");
    let id = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let experiments = json(4).as_array().unwrap().clone();
    Event {
        id: text(0),
        kind: text(1),
        unit: text(3),
        experiments: experiments
            .iter()
            .map(|e| (id(e, "experiment_id"), id(e, "variant_id")))
            .collect(),
        content: format!(
            "{}|{}|{}|{}|{bare}|{}|{}|{}",
            text(1),
            text(2),
            text(3),
            text(4),
            text(6),
            text(7),
            text(8)
        ),
        context: json(5),
        metrics: json(6),
        payload: json(7),
        at: time(&text(8)),
        created: time(&text(9)),
    }
}

#[derive(Debug, Default, PartialEq)]
pub struct Exp {
    pub duplicates: u64,
    pub quarantined: BTreeMap<String, u64>,
    pub newest: i64,
    pub all: Cohort,
    pub by_flow: BTreeMap<String, Cohort>,
    pub by_variant: BTreeMap<String, Cohort>,
    pub by_flow_and_variant: BTreeMap<String, Cohort>,
    pub start_inferred: u64,
    pub conflicting: u64,
    pub recovered: u64,
    pub plans: [u64; 4],
}

/// Statuses by name, turns of settled sessions, milliseconds to completion, funnel.
#[derive(Debug, Default, PartialEq)]
pub struct Cohort {
    pub statuses: BTreeMap<&'static str, u64>,
    pub turns: i64,
    pub completion_ms: i64,
    pub funnel: [u64; 4],
}

const TALK: [&str; 4] = [
    "conversation_started",
    "message_sent",
    "flow_completed",
    "user_dropped_off",
];

/// `variants`: name of experiment and variant by variant id; `assigned`: variant id and time by experiment id and unit.
pub fn exp(
    mut events: Vec<Event>,
    variants: &HashMap<String, String>,
    assigned: &HashMap<(String, String), (String, i64)>,
) -> Exp {
    let mut found = Exp {
        newest: events.iter().map(|e| e.created).max().unwrap_or(0),
        ..Exp::default()
    };
    events.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let (mut contents, mut requests) = (HashSet::new(), HashSet::new());
    let before = events.len();
    events.retain(|e| {
        let fresh = contents.insert(e.content.clone());
        let turn = e.metrics["turn_number"].to_string();
        let request = e.context["request_id"].as_str();
        fresh & request.is_none_or(|request| requests.insert((request.to_owned(), e.kind.clone(), turn)))
    });
    found.duplicates = (before - events.len()) as u64;

    let mut sessions: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    let mut plans: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for e in events {
        let session = e.context["session_id"].as_str();
        let reason = if e.experiments.iter().any(|(_, variant)| !variants.contains_key(variant)) {
            "unknown_variant"
        } else if e.at > e.created + 300_000_000 {
            "timestamp_ahead"
        } else if TALK.contains(&e.kind.as_str()) && session.is_none() {
            "missing_session_id"
        } else {
            if let Some(session) = session {
                sessions.entry(session.to_owned()).or_default().push(e);
            } else {
                plans
                    .entry(e.payload["plan_id"].as_str().unwrap().to_owned())
                    .or_default()
                    .push(e.kind);
            }
            continue;
        };
        *found.quarantined.entry(reason.to_owned()).or_default() += 1;
    }
    for kinds in plans.values() {
        let has = |kind: &str| kinds.iter().filter(|k| *k == kind).count() as u64;
        if has("plan_generated") > 0 {
            let accepted = has("plan_accepted").min(1);
            let counts = [
                1,
                accepted,
                accepted * has("edit_applied"),
                has("validator_intervention").min(1),
            ];
            (0..4).for_each(|i| found.plans[i] += counts[i]);
        }
    }
    for events in sessions.into_values() {
        session(events, variants, assigned, &mut found);
    }
    found
}

fn session(
    mut events: Vec<Event>,
    variants: &HashMap<String, String>,
    assigned: &HashMap<(String, String), (String, i64)>,
    found: &mut Exp,
) {
    events.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let of = |kind: &'static str| events.iter().filter(move |e| e.kind == kind);
    let cancelled = |e: &&Event| e.payload["completion_reason"] == "user_cancelled";
    let start = of("conversation_started").map(|e| e.at).min();
    let completed_at = of("flow_completed").filter(|e| !cancelled(e)).map(|e| e.at).min();
    let cancelled_at = of("flow_completed").filter(cancelled).map(|e| e.at).min();
    let dropped_at = of("user_dropped_off").map(|e| e.at).min();
    let active = events
        .iter()
        .filter(|e| e.kind != "user_dropped_off")
        .map(|e| e.at)
        .max();
    let said = of("message_sent")
        .filter(|e| e.payload["sender"] == "user")
        .map(|_| 1_i64)
        .sum::<i64>();
    let reported = events.iter().filter_map(|e| number(&e.metrics["total_turns"])).max();
    let turns = reported.unwrap_or(said);
    let status = if completed_at.is_some() {
        "completed"
    } else if cancelled_at.is_some() {
        "cancelled"
    } else if dropped_at.is_some() {
        "dropped_off"
    } else if active.unwrap() < found.newest - 900_000_000 {
        "timed_out"
    } else {
        "in_progress"
    };
    found.start_inferred += u64::from(start.is_none());
    found.conflicting += u64::from(completed_at.is_some_and(|c| dropped_at.is_some_and(|d| d > c)));
    found.recovered += u64::from(completed_at.is_some_and(|c| dropped_at.is_some_and(|d| d < c)));
    let started = start.unwrap_or(events[0].at);
    let flow = events
        .iter()
        .find_map(|e| e.context["flow_id"].as_str())
        .unwrap_or("(none)")
        .to_owned();
    let mut arms: BTreeMap<&String, Option<&String>> = BTreeMap::new();
    for (e, (experiment, _)) in events.iter().flat_map(|e| e.experiments.iter().map(move |x| (e, x))) {
        let of = |unit: &String| assigned.get(&(experiment.clone(), unit.clone()));
        let arm = match of(&events[0].unit) {
            Some((variant, at)) => (started >= *at).then_some(variant),
            None => of(&e.unit).map(|(variant, _)| variant),
        };
        arms.entry(experiment).or_insert(arm);
    }
    let add = |cohort: &mut Cohort| {
        *cohort.statuses.entry(status).or_default() += 1;
        cohort.turns += if status == "in_progress" { 0 } else { turns };
        cohort.completion_ms += completed_at.map_or(0, |completed| (completed - started) / 1_000);
        let steps = [
            true,
            said > 0,
            said > 0 && turns >= 3,
            said > 0 && turns >= 3 && status == "completed",
        ];
        (0..4).for_each(|i| cohort.funnel[i] += u64::from(steps[i]));
    };
    add(&mut found.all);
    add(found.by_flow.entry(flow.clone()).or_default());
    for arm in arms.into_values().flatten() {
        let name = &variants[arm];
        add(found.by_variant.entry(name.clone()).or_default());
        add(found.by_flow_and_variant.entry(format!("{flow}/{name}")).or_default());
    }
}

/// A whole number from 0 to 100,000, written as a number or as its digits.
fn number(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok()?,
        _ => return None,
    };
    (0..=100_000).contains(&number).then_some(number)
}

/// Sessions, outcomes (completed, abandoned, transferred, none), turns, errors (misunderstanding, silence, noise),
/// sessions with turns, with errors, recovered.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub struct Calls {
    pub sessions: u64,
    pub outcomes: [u64; 4],
    pub turns: u64,
    pub errors: [u64; 3],
    pub with_turns: u64,
    pub with_errors: u64,
    pub recovered: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Voice {
    pub all: Calls,
    pub by_segment: BTreeMap<String, Calls>,
    pub duplicates: u64,
    pub orphans: u64,
    pub without_metrics: u64,
    pub repeat_users: u64,
}

/// `table` gives the text of a table of `voice_raw`.
pub fn voice(table: impl Fn(&str) -> String) -> Voice {
    let mut found = Voice::default();
    let read = |name: &str| -> Vec<Vec<String>> {
        let rows = rows(&table(name)).into_iter();
        rows.map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
            .collect()
    };
    let users: HashMap<String, (String, String)> = read("users")
        .into_iter()
        .map(|row| (row[0].clone(), (row[1].to_lowercase(), row[3].clone())))
        .collect();
    let metrics: HashMap<String, String> = read("voice_ai_metrics")
        .into_iter()
        .map(|row| (row[0].clone(), row[5].clone()))
        .collect();
    let mut seen = HashSet::new();
    let mut turns: HashMap<String, Vec<String>> = HashMap::new();
    for row in read("voice_turns") {
        if seen.insert(row[..11].join("\t")) {
            turns.entry(row[1].clone()).or_default().push(row[7].clone());
        } else {
            found.duplicates += 1;
        }
    }
    let mut calls: HashMap<String, u64> = HashMap::new();
    for row in read("voice_sessions") {
        let errors = turns.remove(&row[0]).unwrap_or_default();
        let count = |name: &str| errors.iter().filter(|error| *error == name).count() as u64;
        let mut one = Calls {
            sessions: 1,
            turns: errors.len() as u64,
            errors: [count("misunderstanding"), count("silence"), count("noise")],
            with_turns: u64::from(!errors.is_empty()),
            ..Calls::default()
        };
        let outcome = ["completed", "abandoned", "transferred", ""]
            .iter()
            .position(|o| *o == row[6])
            .unwrap();
        one.outcomes[outcome] = 1;
        one.with_errors = u64::from(one.errors.iter().sum::<u64>() > 0);
        one.recovered = one.with_errors * u64::from(metrics.get(&row[0]).is_some_and(|recovered| recovered == "yes"));
        found.without_metrics += u64::from(!metrics.contains_key(&row[0]));
        let (region, first_time) = &users[&row[1]];
        let habit = if first_time == "yes" {
            "first_time"
        } else {
            "not_first_time"
        };
        found.all.add(&one);
        for segment in [region, habit, row[11].as_str()] {
            found.by_segment.entry(segment.to_owned()).or_default().add(&one);
        }
        *calls.entry(row[1].clone()).or_default() += 1;
    }
    found.orphans = turns.values().map(|left| left.len() as u64).sum();
    found.repeat_users = calls.values().filter(|count| **count > 1).count() as u64;
    found
}

impl Calls {
    fn add(&mut self, one: &Self) {
        self.sessions += one.sessions;
        (0..4).for_each(|i| self.outcomes[i] += one.outcomes[i]);
        self.turns += one.turns;
        (0..3).for_each(|i| self.errors[i] += one.errors[i]);
        self.with_turns += one.with_turns;
        self.with_errors += one.with_errors;
        self.recovered += one.recovered;
    }
}
