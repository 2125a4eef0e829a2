//! Conversations with a bot, counted anew from the tracker store.

use std::collections::{BTreeMap, BTreeSet};

use super::figures::{Figures, float};
use super::names::Names;
use super::tracker::{self, Event, Words};
use crate::support::Database;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

const STORIES: [&str; 6] = [
    "request_limit_change",
    "enquire_transaction_failure",
    "request_transaction_refund",
    "view_bill_details",
    "view_transactions",
    "view_user_details",
];

/// Name, kind of event, values.
const METRICS: [(&str, &str, &[&str]); 8] = [
    ("intent_out_of_scope", "user", &["out_of_scope"]),
    ("intent_nlu_fallback", "user", &["nlu_fallback"]),
    ("action_default_fallback", "action", &["action_default_fallback"]),
    ("action_unlikely_intent", "action", &["action_unlikely_intent"]),
    ("intents_frustrated", "user", &["react_frustrated"]),
    ("intents_happy", "user", &["thankyou"]),
    ("intents_raise_dispute", "user", &["raise_dispute"]),
    (
        "actions_agent_handoff",
        "action",
        &["utter_redirect_to_faqs", "action_agent_handoff"],
    ),
];

/// A session with what is counted in it.
#[derive(Default)]
struct Session {
    person: u32,
    start: i64,
    end: i64,
    messages: i64,
    metrics: [i64; METRICS.len()],
    dialogue: i64,
    fallbacks: i64,
    confidences: Vec<f64>,
    environment: Option<String>,
    channel: Option<String>,
    story: Option<String>,
    last_intent: Option<String>,
    in_form: bool,
    returns: bool,
}

impl Session {
    fn metric(&self, name: &str) -> i64 {
        let place = METRICS.iter().position(|metric| metric.0 == name).expect("a metric");
        self.metrics[place]
    }

    fn is_handed_off(&self) -> bool {
        self.metric("actions_agent_handoff") > 0
    }
}

struct Reading<'a> {
    names: Names,
    words: Words,
    figures: &'a mut Figures,
    /// Requests for slots, those filled, attempts until then.
    requests: [i64; 3],
}

pub fn figures(database: &Database) -> Figures {
    let mut figures = Figures::default();
    let mut names = Names::default();
    let words = Words::new(&mut names);
    let tracker = tracker::read(database, &mut names);
    figures.count("events/copies", tracker.copies);
    figures.count("loads", tracker.loads);
    figures.count("senders", tracker.senders.len() as i64);
    let mut reading = Reading {
        names,
        words,
        figures: &mut figures,
        requests: [0; 3],
    };
    let mut sessions = Vec::new();
    for (sender, events) in &tracker.senders {
        let person = events.iter().find_map(|event| event.person).unwrap_or(*sender);
        let mut starts = tracker::session_starts(events, &reading.words);
        starts.push(events.len());
        for pair in starts.windows(2) {
            sessions.push(reading.session(person, &events[pair[0]..pair[1]]));
        }
        reading.figures.more("events/all", events.len() as i64);
        for event in events {
            reading
                .figures
                .more(format!("events/{}", reading.names.text(event.kind)), 1);
        }
    }
    let [requests, filled, attempts] = reading.requests;
    for (name, count) in [("requests", requests), ("filled", filled), ("attempts", attempts)] {
        figures.count(format!("slot/{name}"), count);
    }
    figures.rate("slot/fill_rate", filled, requests);
    figures.rate("slot/attempts_per_fill", attempts, filled);
    let people: BTreeSet<u32> = sessions.iter().map(|session| session.person).collect();
    figures.count("users", people.len() as i64);
    returns(&mut sessions);
    report(&mut figures, &sessions, tracker.as_of);
    figures
}

impl Reading<'_> {
    fn text(&self, name: Option<u32>) -> Option<String> {
        name.map(|name| self.names.text(name).to_owned())
    }

    fn session(&mut self, person: u32, events: &[Event]) -> Session {
        let reverted = tracker::reverted(events, &self.words);
        let mut session = Session {
            person,
            start: events[0].at,
            end: events[events.len() - 1].at,
            ..Session::default()
        };
        let mut failed = false;
        let mut taken_back = false;
        let mut before: Option<String> = None;
        for (event, reverted) in events.iter().zip(&reverted) {
            let name = self.text(event.name);
            if event.kind == self.words.of("user") {
                session.messages += 1;
                session.channel = session
                    .channel
                    .or_else(|| self.text(event.channel).filter(|_| session.messages == 1));
                session.last_intent.clone_from(&name);
                (failed, taken_back) = (false, *reverted);
                if !reverted {
                    session.dialogue += 1;
                    session.confidences.extend(event.confidence);
                    self.message(event, before.take());
                    before = Some(name.clone().unwrap_or("(none)".to_owned()));
                    let story = name.clone().filter(|name| STORIES.contains(&name.as_str()));
                    session.story = session.story.or(story);
                }
            }
            if !reverted {
                for (count, (_, kind, values)) in session.metrics.iter_mut().zip(METRICS) {
                    let counts =
                        event.kind == self.words.of(kind) && name.as_deref().is_some_and(|name| values.contains(&name));
                    *count += i64::from(counts);
                }
                let fails = (event.kind == self.words.of("user") && name.as_deref() == Some("nlu_fallback"))
                    || (event.kind == self.words.of("action") && name.as_deref() == Some("action_default_fallback"));
                if fails && !failed && !taken_back && session.messages > 0 {
                    failed = true;
                    session.fallbacks += 1;
                }
            }
            let known = event.environment.filter(|name| *name != self.words.of("__unknown"));
            session.environment = session.environment.or_else(|| self.text(known));
        }
        if let Some(last) = before {
            self.figures.more(format!("transition/{last}/(end)"), 1);
        }
        session.in_form = self.slots(events, &reverted);
        session
    }

    fn message(&mut self, event: &Event, before: Option<String>) {
        let intent = self.text(event.name);
        let name = intent.clone().unwrap_or("(none)".to_owned());
        if let Some(before) = before {
            self.figures.more(format!("transition/{before}/{name}"), 1);
        }
        self.figures.more(format!("intent/{name}/messages"), 1);
        self.figures.more(
            format!("intent/{name}/with_confidence"),
            i64::from(event.confidence.is_some()),
        );
        let low = event.confidence.is_some_and(|confidence| confidence < 0.5);
        self.figures.more(format!("intent/{name}/low"), i64::from(low));
        if let (Some(intent), Some(second)) = (intent, self.text(event.second_intent)) {
            self.figures.more(format!("confusion/{intent}/{second}"), 1);
        }
    }

    /// Requests and what became of them; whether the session ends inside a form.
    fn slots(&mut self, events: &[Event], reverted: &[bool]) -> bool {
        let mut form = None;
        for (place, event) in events.iter().enumerate() {
            if event.kind == self.words.of("active_loop") {
                form = event.name;
            }
            let is_request = self.words.is(event, "slot", "requested_slot");
            let (Some(form), Some(wanted)) = (form, event.value.filter(|_| is_request && !reverted[place])) else {
                continue;
            };
            let rest = events[place + 1..].iter();
            let mut attempts = 0;
            let mut filled = false;
            for later in rest.take_while(|later| later.kind != self.words.of("active_loop")) {
                if later.kind == self.words.of("slot") && later.name == Some(wanted) {
                    attempts += 1;
                    filled = later.value.is_some();
                    if filled {
                        break;
                    }
                }
            }
            let name = format!("slot/{}/{}", self.names.text(form), self.names.text(wanted));
            self.figures.more(format!("{name}/requests"), 1);
            self.figures.more(format!("{name}/filled"), i64::from(filled));
            self.figures
                .more(format!("{name}/attempts"), if filled { attempts } else { 0 });
            self.requests[0] += 1;
            self.requests[1] += i64::from(filled);
            self.requests[2] += if filled { attempts } else { 0 };
        }
        form.is_some()
    }
}

/// Whether a user begins another session within a day of a session's end.
fn returns(sessions: &mut [Session]) {
    let mut starts: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for session in sessions.iter() {
        starts.entry(session.person).or_default().push(session.start);
    }
    for session in sessions {
        let later = &starts[&session.person];
        session.returns = later
            .iter()
            .any(|start| *start > session.end && *start <= session.end + DAY);
    }
}

/// Sums over the sessions of a cohort.
#[derive(Default)]
struct Cohort {
    counts: BTreeMap<&'static str, i64>,
    confidence: (f64, i64),
}

fn report(figures: &mut Figures, sessions: &[Session], as_of: i64) {
    let mut cohorts: BTreeMap<String, Cohort> = BTreeMap::new();
    for session in sessions {
        let is_open = session.end > as_of - HOUR;
        let environment = session.environment.as_deref().unwrap_or("__unknown");
        let channel = session.channel.as_deref().unwrap_or("(none)");
        for place in ["all".to_owned(), format!("in {environment}"), format!("by {channel}")] {
            cohorts.entry(place).or_default().add(session, is_open);
        }
        for (name, count) in METRICS.iter().map(|metric| metric.0).zip(session.metrics) {
            figures.more(format!("metric/{name}"), count);
        }
        let month = jiff::Timestamp::from_microsecond(session.start)
            .expect("a time")
            .strftime("%Y-%m")
            .to_string();
        for depth in 0..=session.messages {
            figures.more(format!("depth/{month}/{depth}"), 1);
        }
        if let Some(story) = &session.story {
            let lost = ["nlu_fallback", "out_of_scope", "restart"];
            let outcome = if session.is_handed_off() {
                "handed_off"
            } else if is_open {
                "open"
            } else if session.in_form
                || session
                    .last_intent
                    .as_deref()
                    .is_none_or(|intent| lost.contains(&intent))
            {
                "abandoned"
            } else {
                "completed"
            };
            figures.more(format!("story/{story}/{outcome}"), 1);
        }
    }
    for (name, cohort) in cohorts {
        cohort.report(figures, &name);
    }
}

impl Cohort {
    fn add(&mut self, session: &Session, is_open: bool) {
        let talks = session.messages > 0;
        let contained = talks && !session.is_handed_off();
        for (name, more) in [
            ("sessions", 1),
            ("bounced", i64::from(!talks)),
            ("open", i64::from(is_open)),
            ("dialogues", i64::from(talks)),
            ("closed_dialogues", i64::from(talks && !is_open)),
            ("handed_off", i64::from(session.is_handed_off())),
            ("contained", i64::from(contained)),
            ("contained_closed", i64::from(contained && !is_open)),
            ("contained_no_return", i64::from(contained && !session.returns)),
            (
                "contained_no_return_closed",
                i64::from(contained && !session.returns && !is_open),
            ),
            ("interactions", session.messages),
            ("dialogue_interactions", session.dialogue),
            ("fallback_interactions", session.fallbacks),
            (
                "frustrated",
                i64::from(talks && session.metric("intents_frustrated") > 0),
            ),
            (
                "disputed",
                i64::from(talks && session.metric("intents_raise_dispute") > 0),
            ),
            ("happy", i64::from(talks && session.metric("intents_happy") > 0)),
        ] {
            *self.counts.entry(name).or_default() += more;
        }
        self.confidence.0 += session.confidences.iter().sum::<f64>();
        self.confidence.1 += session.confidences.len() as i64;
    }

    fn report(&self, figures: &mut Figures, cohort: &str) {
        for (name, count) in &self.counts {
            figures.count(format!("{cohort}/{name}"), *count);
        }
        for (name, part, whole) in [
            ("bounce_rate", "bounced", "sessions"),
            ("containment_rate", "contained_closed", "closed_dialogues"),
            (
                "containment_no_return_rate",
                "contained_no_return_closed",
                "closed_dialogues",
            ),
            ("handover_rate", "handed_off", "dialogues"),
            ("fallback_rate", "fallback_interactions", "dialogue_interactions"),
            ("frustration_rate", "frustrated", "dialogues"),
            ("dispute_rate", "disputed", "dialogues"),
            ("interactions_per_session", "interactions", "dialogues"),
        ] {
            figures.rate(format!("{cohort}/{name}"), self.counts[part], self.counts[whole]);
        }
        figures.quotient(
            format!("{cohort}/intent_confidence_avg"),
            self.confidence.0,
            float(self.confidence.1),
        );
    }
}
