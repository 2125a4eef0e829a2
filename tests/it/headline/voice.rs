//! Calls, counted anew from the raw rows of `voice_raw`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::figures::{Figures, float};
use crate::support::Database;

#[derive(Clone)]
struct Turn {
    number: i64,
    created: i64,
    id: String,
    by_user: bool,
    intent: String,
    /// In millionths.
    asr: Option<i64>,
    intent_confidence: Option<i64>,
    error: String,
}

#[derive(Default)]
struct User {
    region: String,
    first_time: bool,
    disability: Option<bool>,
}

/// Sums over the calls of a segment.
#[derive(Clone, Default)]
struct Sums {
    counts: BTreeMap<&'static str, i64>,
    users: BTreeSet<String>,
    /// Mean recognition confidence of each call, added up.
    asr_means: f64,
    error_rates: f64,
}

impl Sums {
    fn add(&mut self, name: &'static str, more: i64) {
        *self.counts.entry(name).or_default() += more;
    }

    fn get(&self, name: &'static str) -> i64 {
        self.counts.get(name).copied().unwrap_or(0)
    }
}

/// Millionths; a percentage is divided, what is no confidence is left out.
fn confidence(text: Option<&String>) -> Option<i64> {
    let value: f64 = text?.parse().ok()?;
    let share = match value {
        v if (0.0..=1.0).contains(&v) => v,
        v if (10.0..=100.0).contains(&v) => v / 100.0,
        _ => return None,
    };
    #[allow(clippy::cast_possible_truncation, reason = "at most a million")]
    Some((share * 1e6).round() as i64)
}

const ERRORS: [&str; 3] = ["misunderstanding", "silence", "noise"];
const COUNTS: [&str; 21] = [
    "sessions",
    "completed",
    "abandoned",
    "transferred",
    "open",
    "escalated",
    "without_turns",
    "without_metrics",
    "turns",
    "error_turns",
    "misunderstanding_turns",
    "silence_turns",
    "noise_turns",
    "repeat_failure_turns",
    "with_turns",
    "with_errors",
    "recovered",
    "user_asr_sum",
    "user_asr_count",
    "longest_error_run",
    "first_error_positions",
];

fn users(database: &Database) -> HashMap<String, User> {
    let mut users = HashMap::new();
    database.each_row(
        "select user_id, region, first_time_digital_user, disability_flag from voice_raw.users",
        |row| {
            let text = |i: usize| row[i].clone().unwrap_or_default().to_lowercase();
            let user = User {
                region: if ["rural", "urban"].contains(&text(1).as_str()) {
                    text(1)
                } else {
                    "unknown".to_owned()
                },
                first_time: text(2) == "yes",
                disability: ["yes", "no"].contains(&text(3).as_str()).then(|| text(3) == "yes"),
            };
            users.insert(row[0].clone().expect("an id"), user);
        },
    );
    users
}

/// By session, in their order; copies of a turn count once.
fn turns(database: &Database) -> HashMap<String, Vec<Turn>> {
    let mut newest: HashMap<String, (i64, String, Turn)> = HashMap::new();
    database.each_row(
        "select turn_id, session_id, turn_number, speaker, detected_intent, asr_confidence, intent_confidence, error_type,
                created_at - date '2000-01-01', (extract(epoch from ingested_at) * 1000000)::bigint
         from voice_raw.voice_turns",
        |row| {
            let text = |i: usize| row[i].clone().unwrap_or_default();
            let number = |i: usize| text(i).parse::<i64>().expect("a number");
            let turn = Turn {
                number: number(2),
                created: number(8),
                id: text(0),
                by_user: text(3) == "user",
                intent: text(4),
                asr: confidence(row[5].as_ref()),
                intent_confidence: confidence(row[6].as_ref()),
                error: text(7),
            };
            let known = newest.get(&turn.id).map_or(i64::MIN, |known| known.0);
            if number(9) > known {
                newest.insert(text(0), (number(9), text(1), turn));
            }
        },
    );
    let mut by_session: HashMap<String, Vec<Turn>> = HashMap::new();
    for (_, session, turn) in newest.into_values() {
        by_session.entry(session).or_default().push(turn);
    }
    for turns in by_session.values_mut() {
        turns.sort_by(|a, b| (a.number, a.created, &a.id).cmp(&(b.number, b.created, &b.id)));
    }
    by_session
}

fn spoken(sums: &mut Sums, turns: &[Turn]) {
    let is_error = |turn: &Turn| ERRORS.contains(&turn.error.as_str());
    let errors = turns.iter().filter(|turn| is_error(turn)).count() as i64;
    sums.add("turns", turns.len() as i64);
    sums.add("error_turns", errors);
    for (name, error) in [
        ("misunderstanding_turns", ERRORS[0]),
        ("silence_turns", ERRORS[1]),
        ("noise_turns", ERRORS[2]),
    ] {
        sums.add(name, turns.iter().filter(|turn| turn.error == error).count() as i64);
    }
    let lost = |turn: &&Turn| ["repeat", "unknown"].contains(&turn.intent.as_str());
    let understood: Vec<&Turn> = turns.iter().filter(|turn| !turn.intent.is_empty()).collect();
    let repeated = understood
        .windows(2)
        .filter(|pair| lost(&pair[0]) && lost(&pair[1]))
        .count();
    sums.add("repeat_failure_turns", repeated as i64);
    let (mut run, mut longest) = (0, 0);
    for turn in turns {
        run = if is_error(turn) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    sums.add("longest_error_run", longest);
    let first = turns.iter().position(is_error).map_or(0, |place| place as i64 + 1);
    sums.add("first_error_positions", first);
    let heard: Vec<i64> = turns
        .iter()
        .filter(|turn| turn.by_user)
        .filter_map(|turn| turn.asr)
        .collect();
    sums.add("user_asr_sum", heard.iter().sum());
    sums.add("user_asr_count", heard.len() as i64);
    if !heard.is_empty() {
        sums.add("with_asr", 1);
        sums.asr_means += float(heard.iter().sum()) / 1e6 / float(heard.len() as i64);
    }
    if !turns.is_empty() {
        sums.error_rates += float(errors) / float(turns.len() as i64);
    }
    sums.add("with_turns", i64::from(!turns.is_empty()));
    sums.add("without_turns", i64::from(turns.is_empty()));
    sums.add("with_errors", i64::from(errors > 0));
}

/// What is known early in calls: the first three user turns, the first three turns.
#[derive(Default)]
struct Early {
    asr: (f64, i64),
    intent: (f64, i64),
    errors: (f64, i64),
}

impl Early {
    fn add(&mut self, turns: &[Turn]) {
        let first: Vec<&Turn> = turns.iter().filter(|turn| turn.by_user).take(3).collect();
        let mean = |sum: &mut (f64, i64), values: Vec<i64>| {
            if !values.is_empty() {
                sum.0 += float(values.iter().sum()) / float(values.len() as i64);
                sum.1 += 1;
            }
        };
        mean(&mut self.asr, first.iter().filter_map(|turn| turn.asr).collect());
        mean(
            &mut self.intent,
            first.iter().filter_map(|turn| turn.intent_confidence).collect(),
        );
        let error = |turn: &Turn| i64::from(ERRORS.contains(&turn.error.as_str()));
        mean(&mut self.errors, turns.iter().take(3).map(error).collect());
    }
}

/// All figures. `smallest` is how many users a published cell must have.
pub fn figures(database: &Database, smallest: usize) -> Figures {
    let (users, mut spoken_turns) = (users(database), turns(database));
    let mut metrics: HashMap<String, (bool, bool)> = HashMap::new();
    database.each_row(
        "select session_id, recovery_success = 'yes', escalation_flag = 'yes' from voice_raw.voice_ai_metrics order by ingested_at",
        |row| {
            let yes = |i: usize| row[i].as_deref() == Some("t");
            metrics.insert(row[0].clone().expect("an id"), (yes(1), yes(2)));
        },
    );
    let mut figures = Figures::default();
    let mut early = Early::default();
    let mut segments: BTreeMap<String, Sums> = BTreeMap::new();
    let mut groups: BTreeMap<(String, &'static str), BTreeMap<String, Sums>> = BTreeMap::new();
    let mut calls: HashMap<String, i64> = HashMap::new();
    database.each_row(
        "select session_id, user_id, language, asr_model_version, final_outcome, to_char(started_at at time zone 'UTC', 'YYYY-MM')
         from voice_raw.voice_sessions",
        |row| {
            let text = |i: usize| row[i].clone().unwrap_or_default();
            let turns = spoken_turns.remove(&text(0)).unwrap_or_default();
            let mut one = Sums::default();
            spoken(&mut one, &turns);
            early.add(&turns);
            one.add("sessions", 1);
            let outcome = ["completed", "abandoned", "transferred"].into_iter().find(|o| *o == text(4));
            one.add(outcome.unwrap_or("open"), 1);
            let measured = metrics.get(&text(0));
            one.add("without_metrics", i64::from(measured.is_none()));
            one.add("escalated", i64::from(measured.is_some_and(|m| m.1)));
            one.add("recovered", i64::from(one.get("with_errors") == 1 && measured.is_some_and(|m| m.0)));
            one.users.insert(text(1));
            *calls.entry(text(1)).or_default() += 1;
            let unknown = User { region: "unknown".to_owned(), ..User::default() };
            let user = users.get(&text(1)).unwrap_or(&unknown);
            let habit = if user.first_time { "first_time" } else { "not_first_time" };
            for segment in ["all", &user.region, habit, &text(2), &text(3)] {
                segments.entry(segment.to_owned()).or_default().merge(&one);
            }
            let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
            let disability = user.disability.map_or("unknown".to_owned(), yes);
            for (dimension, value) in [
                ("region", user.region.clone()),
                ("first_time_user", yes(user.first_time)),
                ("disability", disability),
            ] {
                groups.entry((text(5), dimension)).or_default().entry(value).or_default().merge(&one);
            }
        },
    );
    figures.count(
        "orphan_turns",
        spoken_turns.values().map(|turns| turns.len() as i64).sum(),
    );
    figures.count(
        "repeat_users",
        calls.values().filter(|count| **count > 1).count() as i64,
    );
    figures.quotient("early/asr_confidence", early.asr.0 / 1e6, float(early.asr.1));
    figures.quotient("early/intent_confidence", early.intent.0 / 1e6, float(early.intent.1));
    figures.quotient("early/error_share", early.errors.0, float(early.errors.1));
    figures.count("early/sessions", early.errors.1);
    for (segment, sums) in &segments {
        report(&mut figures, segment, sums);
    }
    for (group, mut cells) in groups {
        // A value that nobody has is a cell too.
        for value in if group.1 == "region" {
            ["rural", "urban"]
        } else {
            ["yes", "no"]
        } {
            cells.entry(value.to_owned()).or_default();
        }
        segment_cells(&mut figures, &group, &cells, smallest);
    }
    figures
}

/// A cell with few users is withheld, and of the others the smallest ones, until two are and enough users stand behind.
fn segment_cells(
    figures: &mut Figures,
    (month, dimension): &(String, &'static str),
    cells: &BTreeMap<String, Sums>,
    smallest: usize,
) {
    let mut ordered: Vec<(&String, &Sums)> = cells.iter().collect();
    ordered.sort_by_key(|(value, sums)| (sums.users.len(), *value));
    let any_small = ordered.iter().any(|(_, sums)| sums.users.len() < smallest);
    let mut behind = 0;
    for (place, (value, sums)) in ordered.into_iter().enumerate() {
        let users = sums.users.len();
        let withheld = users < smallest || (any_small && (place < 2 || behind < smallest));
        behind += users;
        let name = format!("{month}/{dimension}/{value}");
        figures.count(format!("{name}/withheld"), i64::from(withheld));
        if !withheld {
            figures.count(format!("{name}/users"), users as i64);
            figures.count(format!("{name}/sessions"), sums.get("sessions"));
            figures.rate(
                format!("{name}/completion_rate"),
                sums.get("completed"),
                sums.get("sessions"),
            );
            figures.rate(
                format!("{name}/abandonment_rate"),
                sums.get("abandoned"),
                sums.get("sessions"),
            );
            figures.rate(
                format!("{name}/turn_error_rate"),
                sums.get("error_turns"),
                sums.get("turns"),
            );
        }
    }
}

fn report(figures: &mut Figures, segment: &str, sums: &Sums) {
    for name in COUNTS {
        figures.count(format!("{segment}/{name}"), sums.get(name));
    }
    for (name, part, whole) in [
        ("completion_rate", "completed", "sessions"),
        ("abandonment_rate", "abandoned", "sessions"),
        ("transfer_rate", "transferred", "sessions"),
        ("turn_error_rate", "error_turns", "turns"),
        ("recovery_rate", "recovered", "with_errors"),
        ("avg_turns", "turns", "with_turns"),
    ] {
        figures.rate(format!("{segment}/{name}"), sums.get(part), sums.get(whole));
    }
    figures.quotient(
        format!("{segment}/asr_confidence_turn_avg"),
        float(sums.get("user_asr_sum")) / 1e6,
        float(sums.get("user_asr_count")),
    );
    figures.quotient(
        format!("{segment}/asr_confidence_session_avg"),
        sums.asr_means,
        float(sums.get("with_asr")),
    );
    figures.quotient(
        format!("{segment}/turn_error_rate_session_avg"),
        sums.error_rates,
        float(sums.get("with_turns")),
    );
}

impl Sums {
    fn merge(&mut self, one: &Self) {
        for (name, more) in &one.counts {
            self.add(name, *more);
        }
        self.users.extend(one.users.iter().cloned());
        self.asr_means += one.asr_means;
        self.error_rates += one.error_rates;
    }
}
