//! Plans: generated, edited, accepted or rejected.

use super::super::ExpProfile;
use super::super::clock::{MILLISECOND, MINUTE, Micros, SECOND, moment};
use super::super::distribution::{log_normal, poisson, whole, zipf};
use super::super::marks::Marks;
use super::super::random::{Entity, Stream};
use super::design::{PLANNER, acceptance, latency_factor};
use super::event::{Body, Event, Exposure, Metric};
use super::session::{Sessions, event_draw, latency, tokens};
use super::unit::{MOST, Unit};

/// About how many events a plan has.
pub const ROWS: f64 = 3.7;
/// Events have the index `plan * SPAN + position`.
const SPAN: u64 = 64;
const DECIDED: u64 = 1;
const INTERVENED: u64 = 2;
const EDITS: u64 = 8;
const SWAPS: u64 = 40;

/// Draws of stream `exp.plan`.
mod draw {
    pub const START: u64 = 0; // 0 to 2
    pub const ID: u64 = 3; // and 4
    pub const MEALS: u64 = 5;
    pub const ACCEPTED: u64 = 6;
    pub const REJECTED: u64 = 7;
    pub const EDITS: u64 = 8;
    pub const SWAPS: u64 = 9;
    pub const INTERVENED: u64 = 10;
    pub const CONSTRAINT: u64 = 11;
    pub const SCORED: u64 = 12;
    pub const DECIDE_GAP: u64 = 13; // and 14
}

pub struct Plans<'a> {
    pub made: &'a Sessions<'a>,
    pub profile: ExpProfile,
    pub plans: Stream,
    pub events: Stream,
}

/// The index of a unit's k-th plan.
pub fn index(unit: u64, k: u64) -> u64 {
    unit * (MOST.unsigned_abs() + 1) + k
}

impl Plans<'_> {
    pub fn start(&self, plan: u64) -> Micros {
        moment(self.plans.entity(plan), draw::START)
    }

    /// Adds the clean events of a plan.
    pub fn make(&self, units: &[Unit], unit: usize, plan: u64, out: &mut Vec<Event>) {
        let draws = self.plans.entity(plan);
        let start = self.start(plan);
        let exposed = units[unit].exposed(start);
        let treated = exposed.iter().any(|a| a.experiment == PLANNER && a.arm > 0);
        let id = draws.uuid(draw::ID);
        let exposures = self.made.exposures(&exposed);
        let mut push = |position: u64, at: Micros, body: Body, metrics: Vec<Metric>| {
            out.push(self.event(plan, position, unit, at, exposures.clone(), body, metrics));
        };

        let generated = Body::Generated {
            plan: id,
            meals: draws.between(draw::MEALS, 3, 14),
            policy_version: self.made.catalog.planner_version(treated),
        };
        push(0, start, generated, self.generated_metrics(draws, plan, start, treated));
        let mut now = start;
        if draws.chance(draw::INTERVENED, 0.03) {
            now += 400 * MILLISECOND;
            let intervention = self.pick(plan, INTERVENED, &["allergen_removed", "portion_fixed", "budget_kept"]);
            push(INTERVENED, now, Body::Intervened { plan: id, intervention }, Vec::new());
        }
        for k in 0..poisson(draws.uniform(draw::EDITS), 1.4).min(30).unsigned_abs() {
            let detail = self.entity(plan, EDITS + k);
            now += detail.between(event_draw::GAP, 3_000, 90_000) * MILLISECOND;
            let edit = self.pick(
                plan,
                EDITS + k,
                &["change_servings", "replace_ingredient", "remove_meal"],
            );
            let servings = detail.between(event_draw::OTHER_DETAIL, 1, 6);
            push(
                EDITS + k,
                now,
                Body::Edited {
                    plan: id,
                    edit,
                    servings,
                },
                Vec::new(),
            );
        }
        for k in 0..poisson(draws.uniform(draw::SWAPS), 0.3).min(20).unsigned_abs() {
            let detail = self.entity(plan, SWAPS + k);
            now += detail.between(event_draw::GAP, 3_000, 90_000) * MILLISECOND;
            let swapped = Body::Swapped {
                plan: id,
                day: detail.between(event_draw::DETAIL, 1, 7),
                from: zipf(detail.uniform(event_draw::OTHER_DETAIL), 500, 1.2),
                to: zipf(detail.uniform(event_draw::OTHER_DETAIL + 1), 500, 1.2),
            };
            push(SWAPS + k, now, swapped, Vec::new());
        }
        let hesitation = log_normal(draws, draw::DECIDE_GAP, 90.0, 1.2);
        now += whole(hesitation * 1_000.0).clamp(500, 3_600_000) * MILLISECOND;
        if draws.chance(draw::ACCEPTED, acceptance(self.profile, treated)) {
            push(DECIDED, now, Body::Accepted { plan: id }, Vec::new());
        } else if draws.chance(draw::REJECTED, 0.7) {
            let reason = self.pick(plan, DECIDED, &["too_expensive", "dislike", "too_much_work"]);
            push(DECIDED, now + MINUTE, Body::Rejected { plan: id, reason }, Vec::new());
        }
    }

    fn generated_metrics(&self, draws: Entity, plan: u64, start: Micros, treated: bool) -> Vec<Metric> {
        let event = self.entity(plan, 0);
        let (input, output) = tokens(event);
        let mut metrics = vec![
            Metric::whole(
                "latency_ms",
                latency(event, start, latency_factor(self.profile, treated)),
            ),
            Metric::whole("token_count", input + output),
            Metric::whole("input_tokens", input),
            Metric::whole("output_tokens", output),
            // Invented prices: 3 and 15 millionths of a dollar a token.
            Metric::decimal("cost_usd", 3 * input + 15 * output, 6),
        ];
        // Older clients do not send the score.
        if draws.chance(draw::SCORED, 0.8) {
            let broken = draws.chance(draw::CONSTRAINT, 0.0002);
            metrics.push(Metric::decimal(
                "constraint_respect_score",
                if broken { 850 } else { 1_000 },
                3,
            ));
        }
        metrics
    }

    fn entity(&self, plan: u64, position: u64) -> Entity {
        self.events.entity(plan * SPAN + position)
    }

    fn pick(&self, plan: u64, position: u64, choices: &[&'static str]) -> &'static str {
        let which = self
            .entity(plan, position)
            .below(event_draw::DETAIL, choices.len() as u64);
        choices[usize::try_from(which).unwrap_or(0)]
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of an event")]
    fn event(
        &self,
        plan: u64,
        position: u64,
        unit: usize,
        at: Micros,
        exposures: Vec<Exposure>,
        body: Body,
        metrics: Vec<Metric>,
    ) -> Event {
        let draws = self.entity(plan, position);
        Event {
            id: draws.uuid(event_draw::ID),
            unit,
            timestamp: at,
            created_at: at + SECOND,
            exposures,
            talk: None,
            request: Some(draws.bits(event_draw::REQUEST)),
            attempt: None,
            metrics,
            body,
            marks: Marks::default(),
            draws,
        }
    }
}
