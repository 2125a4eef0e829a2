//! Conversation sessions: a walk through a flow, lost on the way or finished.

use super::super::ExpProfile;
use super::super::clock::{END, HOUR, MILLISECOND, MINUTE, Micros, day_of, moment};
use super::super::distribution::{gamma, geometric, log_normal, normal, whole};
use super::super::marks::Marks;
use super::super::random::{Entity, Stream};
use super::catalog::Catalog;
use super::defect::Defect;
use super::design::{Flow, MEALS, ONBOARDING, State, hazard, latency_factor};
use super::event::{Body, Event, Exposure, Metric, Talk, seconds};
use super::unit::{Assignment, Unit};

/// About how many events a session has; used to size chunks and the whole.
pub const ROWS: f64 = 10.25;
/// The day on which everything was slow.
const INCIDENT_DAY: i64 = 45;
/// From this day on the flows are of the next version.
const NEXT_VERSION_DAY: i64 = 45;
/// Which of 500 sessions begins just before the end.
const LATE_COMER: u64 = 7;
/// Events have the index `session * SPAN + position`.
const SPAN: u64 = 128;
const COMPLETED_AT: u64 = 120;
const DROPPED_AT: u64 = 121;

/// Draws of stream `exp.session`.
mod draw {
    pub const START: u64 = 0; // 0 to 2
    pub const FLOW: u64 = 3;
    pub const ID: u64 = 4; // and 5
    pub const ENTRY: u64 = 6;
    pub const REFERRAL: u64 = 7;
    pub const BRANCH: u64 = 8;
    pub const CANCELLED_END: u64 = 9;
    pub const SILENT: u64 = 10;
    pub const REASON: u64 = 11;
    pub const DROP_GAP: u64 = 12;
    pub const LOST_START: u64 = 13;
    pub const BOTH: u64 = 14;
    pub const BOTH_BEFORE: u64 = 15;
    pub const CANCELLED: u64 = 16;
    pub const SHARED: u64 = 17;
    pub const SCORED: u64 = 18;
    pub const SCORE: u64 = 19;
    pub const ANSWERED: u64 = 20;
    pub const FINISH_GAP: u64 = 21;
    pub const RETURN_GAP: u64 = 22;
    pub const LATE_COMER: u64 = 23;
    /// One for each state.
    pub const HAZARD: u64 = 32;
    pub const REPEATS: u64 = 40;
}

/// Draws of streams `exp.event` and `exp.plan_event`; from 64 on they belong to dirt.
pub mod event_draw {
    pub const ID: u64 = 0; // and 1
    pub const REQUEST: u64 = 2;
    pub const GAP: u64 = 3; // and 4
    pub const LATENCY: u64 = 5; // and 6
    pub const PROMPT_TOKENS: u64 = 7; // and 8
    pub const COMPLETION_TOKENS: u64 = 9; // and 10
    pub const DETAIL: u64 = 11;
    pub const OTHER_DETAIL: u64 = 12;
}

/// What every session is made from.
pub struct Sessions<'a> {
    pub catalog: &'a Catalog,
    pub profile: ExpProfile,
    pub sessions: Stream,
    pub events: Stream,
}

/// Milliseconds of a model's answer.
pub fn latency(draws: Entity, at: Micros, factor: f64) -> i64 {
    let slow = if day_of(at) == INCIDENT_DAY { 4.0 } else { 1.0 };
    whole(log_normal(draws, event_draw::LATENCY, 600.0 * factor * slow, 0.5)).clamp(20, 60_000)
}

/// Tokens of the prompt and of the completion.
pub fn tokens(draws: Entity) -> (i64, i64) {
    let prompt = whole(220.0 + 40.0 * normal(draws, event_draw::PROMPT_TOKENS)).max(20);
    (
        prompt,
        whole(60.0 * gamma(draws, event_draw::COMPLETION_TOKENS, 2)).max(1),
    )
}

impl Sessions<'_> {
    /// One session in 500 begins so late that the end of the data finds it in progress.
    pub fn start(&self, session: u64) -> Micros {
        let draws = self.sessions.entity(session);
        if session % 500 == LATE_COMER {
            END - draws.between(draw::LATE_COMER, 5_000, 100_000) * MILLISECOND
        } else {
            moment(draws, draw::START)
        }
    }

    pub fn id(&self, session: u64) -> u128 {
        self.sessions.entity(session).uuid(draw::ID)
    }

    /// Adds the clean events of a session and gives the defects of the session as a whole. `partner` is a session of
    /// another unit whose id this one may take.
    pub fn make(&self, units: &[Unit], unit: usize, session: u64, partner: Option<u64>, out: &mut Vec<Event>) -> Marks {
        let draws = self.sessions.entity(session);
        let start = self.start(session);
        let exposed = units[unit].exposed(start);
        let flow = flow(draws, &units[unit].assignments);
        let treated = flow
            .experiment()
            .is_some_and(|e| exposed.iter().any(|a| a.experiment == e && a.arm > 0));
        let mut marks = Marks::default();
        let mut id = self.id(session);
        if let Some(partner) = partner {
            let shared = draws.chance(draw::SHARED, Defect::SharedSessionId.rate());
            if marks.note(Defect::SharedSessionId as usize, shared) {
                id = self.id(partner);
            }
        }
        let talk = Talk {
            session: Some(id),
            flow: Some(flow),
            flow_version: if day_of(start) < NEXT_VERSION_DAY {
                "1.3.0"
            } else {
                "1.4.0"
            },
            prompt_version: Some(self.catalog.prompt_version(flow, treated)),
            treated,
            current_state: None,
            last_active_state: None,
        };
        let mut walk = Walk {
            made: self,
            draws,
            session,
            unit,
            start,
            exposures: self.exposures(&exposed),
            talk,
            number: 100 + session % 9_000,
            factor: latency_factor(self.profile, treated),
            now: start,
            last_message: start,
            position: 0,
            turns: 0,
            out,
        };
        walk.run(flow, treated, units[unit].is_mobile(), &mut marks);
        marks
    }

    pub fn exposures(&self, assignments: &[Assignment]) -> Vec<Exposure> {
        let exposure = |a: &Assignment| Exposure {
            experiment: a.experiment,
            assigned_arm: a.arm,
            variant: self.catalog.experiments[a.experiment].variants[a.arm],
            known: true,
        };
        assignments.iter().map(exposure).collect()
    }
}

/// Units of a prompt experiment mostly use its flow, before it starts as well.
fn flow(draws: Entity, assignments: &[Assignment]) -> Flow {
    let within = |experiment: usize| assignments.iter().any(|a| a.experiment == experiment);
    let (onboarding, meals) = match (within(ONBOARDING), within(MEALS)) {
        (true, false) => (0.7, 0.2),
        (false, true) => (0.1, 0.7),
        _ => (0.4, 0.35),
    };
    let choices = [
        (Flow::Onboarding, onboarding),
        (Flow::MealPlanning, meals),
        (Flow::Triage, 1.0 - onboarding - meals),
    ];
    draws.pick(draw::FLOW, &choices)
}

/// A session in the making.
struct Walk<'a, 'b> {
    made: &'a Sessions<'a>,
    draws: Entity,
    session: u64,
    unit: usize,
    start: Micros,
    exposures: Vec<Exposure>,
    talk: Talk,
    number: u64,
    factor: f64,
    now: Micros,
    last_message: Micros,
    position: u64,
    turns: i64,
    out: &'b mut Vec<Event>,
}

impl Walk<'_, '_> {
    fn run(&mut self, flow: Flow, treated: bool, mobile: bool, marks: &mut Marks) {
        let draws = self.draws;
        let branch = usize::try_from(draws.below(draw::BRANCH, 4)).unwrap_or(0);
        let states = flow.states(branch);
        let hazards: Vec<f64> = states
            .iter()
            .map(|s| hazard(self.made.profile, flow, s, treated, mobile))
            .collect();
        let lost = (0..states.len()).find(|k| draws.chance(draw::HAZARD + *k as u64, hazards[*k]));
        self.begin(marks);
        for (k, state) in states.iter().enumerate() {
            let next = states.get(k + 1).map_or(flow.end(false), |next| next.name);
            if lost == Some(k) {
                self.ask(state);
                if draws.chance(draw::ANSWERED, 0.5) {
                    self.answer(state, None);
                }
                let survival: f64 = hazards.iter().map(|h| 1.0 - h).product();
                self.lose(state, survival, marks);
                return;
            }
            let repeats = geometric(draws.uniform(draw::REPEATS + k as u64), 0.8).min(3);
            for _ in 0..repeats {
                self.ask(state);
                self.answer(state, None);
            }
            self.ask(state);
            if k + 1 == states.len() {
                self.pause(state, marks);
            }
            self.answer(state, Some(next));
        }
        self.complete(flow, states[states.len() - 1], marks);
    }

    fn push(&mut self, position: u64, body: Body, metrics: Vec<Metric>, state: Option<&'static str>) {
        let draws = self.event_draws(position);
        let by_server = matches!(body, Body::Dropped { .. });
        let last_active_state = if by_server { state } else { None };
        self.out.push(Event {
            id: draws.uuid(event_draw::ID),
            unit: self.unit,
            timestamp: self.now,
            created_at: self.now,
            exposures: self.exposures.clone(),
            talk: Some(Talk {
                current_state: state,
                last_active_state,
                ..self.talk
            }),
            request: (!by_server).then(|| draws.bits(event_draw::REQUEST)),
            attempt: None,
            metrics,
            body,
            marks: Marks::default(),
            draws,
        });
    }

    fn event_draws(&self, position: u64) -> Entity {
        self.made.events.entity(self.session * SPAN + position)
    }

    fn begin(&mut self, marks: &mut Marks) {
        let entry = self
            .draws
            .pick(draw::ENTRY, &[("home", 0.5), ("notification", 0.3), ("menu", 0.2)]);
        let referral = self
            .draws
            .pick(draw::REFERRAL, &[("organic", 0.6), ("email", 0.25), ("partner", 0.15)]);
        let lost = self.draws.chance(draw::LOST_START, Defect::LostStart.rate());
        if !marks.note(Defect::LostStart as usize, lost) {
            self.push(0, Body::Started { entry, referral }, Vec::new(), None);
        }
    }

    fn message(&mut self, from_user: bool, state: &State, next: Option<&'static str>, more: &[Metric]) {
        let mut metrics = vec![Metric::whole("turn_number", self.turns)];
        metrics.extend_from_slice(more);
        let body = Body::Message {
            from_user,
            state: *state,
            next,
            number: self.number,
        };
        self.push(self.position, body, metrics, Some(state.name));
        self.last_message = self.now;
    }

    /// The bot asks for what the state wants.
    fn ask(&mut self, state: &State) {
        self.position += 1;
        let draws = self.event_draws(self.position);
        let latency = latency(draws, self.start, self.factor);
        let (prompt, completion) = tokens(draws);
        self.now += latency * MILLISECOND;
        let metrics = [
            Metric::whole("latency_ms", latency),
            Metric::whole("token_count", prompt + completion),
        ];
        self.message(false, state, None, &metrics);
    }

    fn answer(&mut self, state: &State, next: Option<&'static str>) {
        self.position += 1;
        self.turns += 1;
        let think = log_normal(self.event_draws(self.position), event_draw::GAP, 14_000.0, 0.8);
        self.now += whole(think).clamp(900, 600_000) * MILLISECOND;
        self.message(true, state, next, &[]);
    }

    /// Half of the sessions with both a completion and a drop-off pause before the last answer.
    fn pause(&mut self, state: &State, marks: &mut Marks) {
        let both = self.draws.chance(draw::BOTH, Defect::CompletionAndDropOff.rate());
        marks.note(Defect::CompletionAndDropOff as usize, both);
        if both && self.draws.chance(draw::BOTH_BEFORE, 0.5) {
            self.now += 10 * MINUTE;
            self.drop_off(state, "user_inactive");
            self.now += self.draws.between(draw::RETURN_GAP, 60_000, 180_000) * MILLISECOND;
        }
    }

    fn drop_off(&mut self, state: &State, reason: &'static str) {
        let body = Body::Dropped {
            reason,
            last_state: state.name,
            progress: state.progress,
            percent: false,
        };
        let metrics = vec![
            Metric::whole("total_turns", self.turns),
            Metric::whole("total_duration_seconds", seconds(self.start, self.now)),
            Metric::whole("time_since_last_message_seconds", seconds(self.last_message, self.now)),
        ];
        self.push(DROPPED_AT, body, metrics, Some(state.name));
    }

    /// `survival` is the planted completion; what never ends is a share of what is lost.
    fn lose(&mut self, state: &State, survival: f64, marks: &mut Marks) {
        let silent = self
            .draws
            .chance(draw::SILENT, (Defect::NeverEnding.rate() / (1.0 - survival)).min(1.0));
        if marks.note(Defect::NeverEnding as usize, silent) {
            return;
        }
        let reasons = [
            ("session_expired", 0.5),
            ("user_inactive", 0.25),
            ("error", 0.1),
            ("user_cancelled", 0.15),
        ];
        let reason = self.draws.pick(draw::REASON, &reasons);
        let gap = match reason {
            "session_expired" => 15 * MINUTE,
            "user_inactive" => self.draws.between(draw::DROP_GAP, 300_000, 720_000) * MILLISECOND,
            _ => self.draws.between(draw::DROP_GAP, 2_000, 30_000) * MILLISECOND,
        };
        self.now += gap;
        self.drop_off(state, reason);
    }

    fn complete(&mut self, flow: Flow, last: State, marks: &mut Marks) {
        let draws = self.draws;
        let after =
            draws.chance(draw::BOTH, Defect::CompletionAndDropOff.rate()) && !draws.chance(draw::BOTH_BEFORE, 0.5);
        let reported = draws.chance(draw::CANCELLED, Defect::CompletedAsCancelled.rate());
        let cancelled_end = flow == Flow::Triage && draws.chance(draw::CANCELLED_END, 0.06);
        if !cancelled_end {
            marks.note(Defect::CompletedAsCancelled as usize, reported);
        }
        marks.note(Defect::NeverEnding as usize, false);
        let scores = [(1, 0.05), (2, 0.08), (3, 0.17), (4, 0.35), (5, 0.35)];
        self.now += draws.between(draw::FINISH_GAP, 200, 3_000) * MILLISECOND;
        let body = Body::Completed {
            cancelled: reported || cancelled_end,
            final_state: flow.end(cancelled_end),
            score: draws
                .chance(draw::SCORED, 0.25)
                .then(|| draws.pick(draw::SCORE, &scores)),
            number: self.number,
        };
        let metrics = vec![
            Metric::whole("total_turns", self.turns),
            Metric::whole("total_duration_seconds", seconds(self.start, self.now)),
            Metric::decimal("completion_rate", 10, 1),
        ];
        self.push(COMPLETED_AT, body, metrics, None);
        if after {
            self.now += HOUR;
            self.drop_off(&last, "session_expired");
        }
    }
}
