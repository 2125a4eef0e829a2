//! Experiments and conversation flows, counted anew from the raw rows of `exp`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::event::{self, Event, TALK};
use super::figures::{Figures, float};
use super::names::Names;
use crate::support::Database;

const IDLE: i64 = 15 * 60 * 1_000_000;
/// From so many turns on a session has progressed.
const PROGRESSED: i64 = 3;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Status {
    Completed,
    Cancelled,
    DroppedOff,
    TimedOut,
    InProgress,
}

const STATUSES: [(Status, &str); 5] = [
    (Status::Completed, "completed"),
    (Status::Cancelled, "cancelled"),
    (Status::DroppedOff, "dropped_off"),
    (Status::TimedOut, "timed_out"),
    (Status::InProgress, "in_progress"),
];

struct Session {
    flow: Option<u32>,
    /// Experiment and variant.
    arms: BTreeSet<(u32, u32)>,
    status: Status,
    turns: i64,
    said: i64,
    /// In microseconds.
    to_completion: Option<i64>,
    last_state: Option<u32>,
    reached: BTreeSet<u32>,
    reason: Option<String>,
    score: Option<f64>,
    tokens: i64,
}

impl Session {
    fn is_settled(&self) -> bool {
        self.status != Status::InProgress
    }

    fn is_lost(&self) -> bool {
        matches!(self.status, Status::Cancelled | Status::DroppedOff | Status::TimedOut)
    }
}

#[derive(Default)]
struct Cohort {
    statuses: BTreeMap<Status, i64>,
    counts: [i64; 8],
}

/// What design and assignment say.
struct Design {
    /// `experiment/variant` by variant.
    arms: HashMap<u32, String>,
    known: HashSet<(u32, u32)>,
    /// Variant and microsecond of the assignment by experiment and unit.
    assigned: HashMap<(u32, u32), (u32, i64)>,
}

fn design(database: &Database, names: &mut Names) -> Design {
    let mut design = Design {
        arms: HashMap::new(),
        known: HashSet::new(),
        assigned: HashMap::new(),
    };
    database.each_row(
        "select v.id, e.id, e.name || '/' || v.name from exp.variants v, exp.experiments e where e.id = v.experiment_id",
        |row| {
            let mut name = |i: usize| names.of(row[i].as_deref().expect("an id"));
            let (variant, experiment) = (name(0), name(1));
            design.arms.insert(variant, row[2].clone().expect("a name"));
            design.known.insert((experiment, variant));
        },
    );
    database.each_row(
        "select experiment_id, variant_id, unit_type || ':' || unit_id, (extract(epoch from assigned_at) * 1000000)::bigint
         from exp.assignments",
        |row| {
            let mut name = |i: usize| names.of(row[i].as_deref().expect("an id"));
            let (experiment, variant, unit) = (name(0), name(1), name(2));
            let at = row[3].as_deref().and_then(|at| at.parse().ok()).expect("a time");
            design.assigned.insert((experiment, unit), (variant, at));
        },
    );
    design
}

pub fn figures(database: &Database) -> Figures {
    let mut names = Names::default();
    let design = design(database, &mut names);
    let events = event::read(database, &mut names, &design.known);
    let mut figures = Figures::default();
    raw(&mut figures, &events, &names);
    for arm in design.arms.values() {
        figures.count(format!("assigned/{arm}"), 0);
    }
    for (variant, _) in design.assigned.values() {
        figures.more(format!("assigned/{}", design.arms[variant]), 1);
    }
    let as_of = events.iter().map(|event| event.created).max().expect("events");
    let mut by_session: BTreeMap<u32, Vec<&Event>> = BTreeMap::new();
    let mut plans: BTreeMap<u32, Vec<&Event>> = BTreeMap::new();
    let talk: HashSet<u32> = TALK.iter().map(|kind| names.of(kind)).collect();
    for event in events.iter().filter(|event| event.rejected.is_none()) {
        if let Some(session) = event.session.filter(|_| talk.contains(&event.kind)) {
            by_session.entry(session).or_default().push(event);
        }
        if let Some(plan) = event.plan.filter(|_| !event.is_copy) {
            plans.entry(plan).or_default().push(event);
        }
    }
    let sessions: Vec<Session> = by_session
        .into_values()
        .map(|events| session(events, as_of, &design, &mut names, &mut figures))
        .collect();
    cohorts(&mut figures, &sessions, &design, &names);
    states(&mut figures, &sessions, &names);
    plan_figures(&mut figures, &plans, &mut names);
    figures
}

fn raw(figures: &mut Figures, events: &[Event], names: &Names) {
    figures.count("events/raw", events.len() as i64);
    let copies = events.iter().filter(|event| event.is_copy).count();
    figures.count("events/duplicate", copies as i64);
    figures.count("events/quarantined", 0);
    figures.count("events/kept", 0);
    for event in events.iter().filter(|event| !event.is_copy) {
        if let Some(reason) = event.rejected {
            figures.more(format!("quarantined/{reason}"), 1);
            figures.more("events/quarantined", 1);
        } else {
            figures.more("events/kept", 1);
            let kind = names.text(event.kind);
            if TALK.contains(&kind) {
                let hour = event.at.div_euclid(3_600_000_000).rem_euclid(24);
                figures.more(format!("hour/{kind}/{hour}"), 1);
            }
        }
    }
}

fn session(mut all: Vec<&Event>, as_of: i64, design: &Design, names: &mut Names, figures: &mut Figures) -> Session {
    all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let kinds = TALK.map(|kind| names.of(kind));
    let cancelled = names.of("user_cancelled");
    let events: Vec<&Event> = all.iter().copied().filter(|event| !event.is_copy).collect();
    let of = |kind: usize| events.iter().copied().filter(move |event| event.kind == kinds[kind]);
    let start = of(0).map(|event| event.at).min();
    let started = start.unwrap_or(events[0].at);
    let completed = of(2)
        .filter(|event| event.reason != Some(cancelled))
        .map(|event| event.at)
        .min();
    let is_cancelled = of(2).any(|event| event.reason == Some(cancelled));
    let dropped = of(3).next();
    let active = events
        .iter()
        .filter(|event| event.kind != kinds[3])
        .map(|event| event.at)
        .max();
    let said = of(1).filter(|event| event.from_user).count() as i64;
    let reported = of(2).chain(of(3)).filter_map(|event| event.total_turns).max();
    let status = if completed.is_some() {
        Status::Completed
    } else if is_cancelled {
        Status::Cancelled
    } else if dropped.is_some() {
        Status::DroppedOff
    } else if active.is_some_and(|active| active < as_of - IDLE) {
        Status::TimedOut
    } else {
        Status::InProgress
    };
    figures.more("start_inferred", i64::from(start.is_none()));
    let last_dropped = of(3).map(|event| event.at).max();
    figures.more(
        "conflicting_terminal",
        i64::from(completed.is_some_and(|c| last_dropped.is_some_and(|d| d > c))),
    );
    figures.more(
        "recovered_after_drop_off",
        i64::from(completed.is_some_and(|c| dropped.is_some_and(|d| d.at < c))),
    );
    let message_state = of(1).filter_map(|event| event.state).next_back();
    let told = dropped.filter(|_| status == Status::DroppedOff);
    let last_state = told
        .and_then(|event| event.payload_state.or(event.context_state).or(event.state))
        .or(message_state);
    let mut reached: BTreeSet<u32> = of(1).filter_map(|event| event.state).collect();
    reached.extend(last_state.filter(|_| status == Status::DroppedOff));
    let known = ["session_expired", "user_inactive", "error", "user_cancelled"];
    let reason = match status {
        Status::DroppedOff => dropped
            .and_then(|event| event.reason)
            .map(|reason| names.text(reason).to_owned()),
        Status::Cancelled => Some("user_cancelled".to_owned()),
        Status::TimedOut => Some("inferred_timeout".to_owned()),
        _ => None,
    };
    let unit = events[0].unit;
    let mut arms: BTreeMap<u32, u32> = BTreeMap::new();
    for (experiment, variant) in all.iter().flat_map(|event| &event.experiments) {
        match design.assigned.get(&(*experiment, unit)) {
            // What was before is in no figure of an arm.
            Some((_, at)) if started < *at => {}
            Some((assigned, _)) => _ = arms.entry(*experiment).or_insert(*assigned),
            None => _ = arms.entry(*experiment).or_insert(*variant),
        }
    }
    Session {
        flow: events.iter().find_map(|event| event.flow),
        arms: arms.into_iter().collect(),
        status,
        turns: reported.unwrap_or(said),
        said,
        to_completion: completed.map(|completed| completed - started),
        last_state,
        reached,
        reason: reason.map(|reason| {
            let sure = known.contains(&reason.as_str()) || status != Status::DroppedOff;
            if sure { reason } else { "unknown".to_owned() }
        }),
        score: events.iter().rev().find_map(|event| event.score),
        tokens: of(1).filter_map(|event| event.tokens).sum(),
    }
}

fn cohorts(figures: &mut Figures, sessions: &[Session], design: &Design, names: &Names) {
    let mut cohorts: BTreeMap<String, Cohort> = BTreeMap::new();
    for session in sessions {
        let flow = session.flow.map_or("(none)", |flow| names.text(flow));
        let mut places = vec!["all".to_owned(), format!("flow {flow}")];
        for (_, variant) in &session.arms {
            let arm = &design.arms[variant];
            places.push(format!("arm {arm}"));
            places.push(format!("flow {flow} arm {arm}"));
            if session.is_settled() {
                figures.more(format!("turns/{arm}/{}", session.turns), 1);
            }
        }
        for place in places {
            cohorts.entry(place).or_default().add(session);
        }
        if let Some(reason) = &session.reason {
            figures.more(format!("lost/{reason}"), 1);
        }
    }
    for (name, cohort) in cohorts {
        cohort.report(figures, &name);
    }
}

impl Cohort {
    fn add(&mut self, session: &Session) {
        *self.statuses.entry(session.status).or_default() += 1;
        let engaged = session.said > 0;
        let progressed = engaged && session.turns >= PROGRESSED;
        let done = progressed && session.status == Status::Completed;
        let settled_turns = if session.is_settled() { session.turns } else { 0 };
        #[allow(clippy::cast_possible_truncation, reason = "at most 5")]
        let score = session.score.map_or(0, |score| (score * 100.0).round() as i64);
        for (sum, more) in self.counts.iter_mut().zip([
            i64::from(engaged),
            i64::from(progressed),
            i64::from(done),
            settled_turns,
            session.to_completion.unwrap_or(0),
            i64::from(session.score.is_some()),
            score,
            session.tokens,
        ]) {
            *sum += more;
        }
    }

    fn report(&self, figures: &mut Figures, name: &str) {
        let status = |status: Status| self.statuses.get(&status).copied().unwrap_or(0);
        let total: i64 = self.statuses.values().sum();
        let settled = total - status(Status::InProgress);
        let [engaged, progressed, done, turns, to_completion, scored, scores, tokens] = self.counts;
        for (each, text) in STATUSES {
            figures.count(format!("{name}/{text}"), status(each));
        }
        for (text, count) in [
            ("sessions", total),
            ("settled", settled),
            ("engaged", engaged),
            ("progressed", progressed),
            ("funnel_completed", done),
            ("settled_turns", turns),
            ("completion_microseconds", to_completion),
            ("scored", scored),
            ("tokens", tokens),
        ] {
            figures.count(format!("{name}/{text}"), count);
        }
        let completed = status(Status::Completed);
        let lost = status(Status::Cancelled) + status(Status::DroppedOff) + status(Status::TimedOut);
        figures.rate(format!("{name}/completion_rate"), completed, settled);
        figures.rate(format!("{name}/drop_off_rate"), lost, settled);
        figures.rate(
            format!("{name}/reported_drop_off_rate"),
            status(Status::DroppedOff),
            settled,
        );
        figures.rate(format!("{name}/avg_turns"), turns, settled);
        figures.quotient(
            format!("{name}/avg_time_to_completion_seconds"),
            float(to_completion) / 1e6,
            float(completed),
        );
        figures.quotient(format!("{name}/avg_satisfaction"), float(scores) / 100.0, float(scored));
    }
}

/// By flow and state: sessions that reached it, and those lost there.
fn states(figures: &mut Figures, sessions: &[Session], names: &Names) {
    let mut found: BTreeMap<(&str, &str), [i64; 4]> = BTreeMap::new();
    for session in sessions {
        let flow = session.flow.map_or("(none)", |flow| names.text(flow));
        for state in &session.reached {
            let counts = found.entry((flow, names.text(*state))).or_default();
            counts[0] += 1;
            counts[1] += i64::from(session.is_settled());
        }
        if session.is_lost() {
            let state = session.last_state.map_or("(none)", |state| names.text(state));
            let counts = found.entry((flow, state)).or_default();
            counts[2] += 1;
            counts[3] += i64::from(session.status == Status::DroppedOff);
        }
    }
    for ((flow, state), [reached, settled, lost, dropped]) in found {
        let name = format!("state {flow} {state}");
        figures.count(format!("{name}/reached"), reached);
        figures.count(format!("{name}/settled_reached"), settled);
        figures.count(format!("{name}/lost"), lost);
        figures.count(format!("{name}/dropped_off"), dropped);
        figures.rate(format!("{name}/hazard"), lost, settled);
    }
}

fn plan_figures(figures: &mut Figures, plans: &BTreeMap<u32, Vec<&Event>>, names: &mut Names) {
    let kinds = [
        "plan_generated",
        "plan_accepted",
        "edit_applied",
        "validator_intervention",
        "meal_swapped",
        "plan_rejected",
    ]
    .map(|kind| names.of(kind));
    let mut sums = [0; 6];
    for events in plans.values() {
        let count = |kind: usize| events.iter().filter(|event| event.kind == kinds[kind]).count() as i64;
        if count(0) > 0 {
            let accepted = count(1).min(1);
            let one = [
                1,
                accepted,
                accepted * count(2),
                count(3).min(1),
                count(4),
                count(5).min(1),
            ];
            sums.iter_mut().zip(one).for_each(|(sum, more)| *sum += more);
        }
    }
    for (name, sum) in [
        "plans",
        "accepted",
        "edits_of_accepted",
        "with_intervention",
        "swaps",
        "rejected",
    ]
    .into_iter()
    .zip(sums)
    {
        figures.count(format!("plans/{name}"), sum);
    }
    figures.rate("plans/acceptance_rate", sums[1], sums[0]);
    figures.rate("plans/avg_edits", sums[2], sums[1]);
    figures.rate("plans/validator_rate", sums[3], sums[0]);
}
