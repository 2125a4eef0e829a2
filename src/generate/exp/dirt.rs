//! What goes wrong between the client and the raw table. Each defect has draws of its own, so that one can change
//! without moving another.

use super::super::clock::{DAY, HOUR, MINUTE, Micros, SECOND};
use super::super::distribution::{exponential, whole};
use super::super::random::Entity;
use super::catalog::Catalog;
use super::defect::Defect;
use super::event::{Body, Event, Written};

/// Draws of an event that `session` and `plan` leave to dirt: from 64 on.
mod draw {
    pub const DELAY: u64 = 64;
    pub const LATE: u64 = 65;
    pub const LATE_BY: u64 = 66;
    pub const FUTURE: u64 = 67;
    pub const FUTURE_BY: u64 = 68;
    pub const DISORDER: u64 = 69;
    pub const DISORDER_BY: u64 = 70;
    pub const NO_SESSION: u64 = 71;
    pub const NO_FLOW: u64 = 72;
    pub const NO_EXPERIMENTS: u64 = 73;
    pub const MISMATCH: u64 = 74;
    pub const MISMATCH_WHICH: u64 = 75;
    pub const ORPHAN: u64 = 76;
    pub const ORPHAN_WHICH: u64 = 77;
    pub const ORPHAN_ID: u64 = 78; // and 79
    pub const STRING: u64 = 80;
    pub const STRING_WHICH: u64 = 81;
    pub const MALFORMED: u64 = 82;
    pub const MALFORMED_WHICH: u64 = 83;
    pub const MALFORMED_HOW: u64 = 84;
    pub const PERCENT: u64 = 85;
    pub const STATE: u64 = 86;
    pub const RETRY: u64 = 87;
    pub const RETRY_BY: u64 = 88;
    pub const RETRY_HOW: u64 = 89;
    pub const RETRY_ID: u64 = 90; // and 91
    pub const RETRY_REQUEST: u64 = 92;
}

const MALFORMED: [&str; 6] = ["\"three\"", "\"NaN\"", "\"\"", "\"1e9\"", "-5", "9e15"];

/// How a retried request differs from the first, apart from `id` and `created_at`.
#[derive(Clone, Copy)]
enum Retry {
    /// The same request again.
    Same,
    /// Another request id.
    OtherRequest,
    /// The same request id, but the client stamped it anew.
    Restamped,
}

/// Soils an event whose `timestamp` is right, sets `created_at`, and gives the retried copy if there is one.
pub fn soil(event: &mut Event, catalog: &Catalog) -> Option<Event> {
    let draws = event.draws;
    arrive(event, draws);
    soil_context(event, draws);
    soil_experiments(event, draws, catalog);
    soil_numbers(event, draws);
    let retried = event.marks.note(
        Defect::RetryDuplicate as usize,
        draws.chance(draw::RETRY, Defect::RetryDuplicate.rate()),
    );
    retried.then(|| retry(event, draws))
}

fn decide(event: &mut Event, defect: Defect, draw: u64) -> bool {
    let injected = event.draws.chance(draw, defect.rate());
    event.marks.note(defect as usize, injected)
}

fn arrive(event: &mut Event, draws: Entity) {
    let delay: Micros = 20_000 + whole(exponential(draws.uniform(draw::DELAY)) * 150_000.0);
    event.created_at = event.timestamp + delay;
    // What another defect hides is not noted: nobody could find it.
    let future = decide(event, Defect::FutureTimestamp, draw::FUTURE);
    let late = draws.chance(draw::LATE, Defect::LateArrival.rate());
    if !future {
        event.marks.note(Defect::LateArrival as usize, late);
    }
    if event.talk.is_some() {
        let disorder = draws.chance(draw::DISORDER, Defect::OutOfOrderArrival.rate());
        if !future && !late {
            event.marks.note(Defect::OutOfOrderArrival as usize, disorder);
        }
        if disorder {
            event.created_at += draws.between(draw::DISORDER_BY, 20 * SECOND, 120 * SECOND);
        }
    }
    if late {
        event.created_at = event.timestamp + draws.between(draw::LATE_BY, HOUR, 9 * DAY);
    }
    if future {
        event.timestamp = event.created_at + draws.between(draw::FUTURE_BY, 6 * MINUTE, 2 * HOUR);
    }
}

fn soil_context(event: &mut Event, draws: Entity) {
    let Some(mut talk) = event.talk else { return };
    if decide(event, Defect::MissingSessionId, draw::NO_SESSION) {
        talk.session = None;
    }
    match &mut event.body {
        Body::Message { .. } => {
            let missing = decide(event, Defect::MissingFlowId, draw::NO_FLOW);
            talk.flow = talk.flow.filter(|_| !missing);
        }
        Body::Dropped {
            percent, last_state, ..
        } => {
            let percentage = draws.chance(draw::PERCENT, Defect::ProgressAsPercentage.rate());
            *percent = percentage;
            let other = if *last_state == "confirm" {
                "ask_email"
            } else {
                "confirm"
            };
            event.marks.note(Defect::ProgressAsPercentage as usize, percentage);
            if decide(event, Defect::StateConflict, draw::STATE) {
                talk.current_state = Some(other);
                talk.last_active_state = Some(other);
            }
        }
        _ => {}
    }
    event.talk = Some(talk);
}

fn soil_experiments(event: &mut Event, draws: Entity, catalog: &Catalog) {
    let named = event.exposures.len() as u64;
    if named == 0 {
        return;
    }
    if decide(event, Defect::EmptyExperiments, draw::NO_EXPERIMENTS) {
        event.exposures.clear();
        return;
    }
    let orphan = decide(event, Defect::OrphanVariant, draw::ORPHAN).then(|| index(draws, draw::ORPHAN_WHICH, named));
    if let Some(orphan) = orphan {
        let exposure = &mut event.exposures[orphan];
        exposure.variant = draws.uuid(draw::ORPHAN_ID);
        exposure.known = false;
    }
    let other = index(draws, draw::MISMATCH_WHICH, named);
    if orphan != Some(other) && decide(event, Defect::VariantMismatch, draw::MISMATCH) {
        let exposure = &mut event.exposures[other];
        let variants = &catalog.experiments[exposure.experiment].variants;
        exposure.variant = variants[(exposure.assigned_arm + 1) % variants.len()];
    }
}

fn soil_numbers(event: &mut Event, draws: Entity) {
    let numbers = event.metrics.len() as u64;
    if numbers == 0 {
        return;
    }
    let malformed =
        decide(event, Defect::NumberMalformed, draw::MALFORMED).then(|| index(draws, draw::MALFORMED_WHICH, numbers));
    if let Some(malformed) = malformed {
        let how = MALFORMED[index(draws, draw::MALFORMED_HOW, MALFORMED.len() as u64)];
        event.metrics[malformed].written = Written::Malformed(how);
    }
    let string = index(draws, draw::STRING_WHICH, numbers);
    if malformed != Some(string) && decide(event, Defect::NumberAsString, draw::STRING) {
        event.metrics[string].written = Written::Text;
    }
}

fn retry(event: &Event, draws: Entity) -> Event {
    let mut copy = event.clone();
    copy.marks = super::super::marks::Marks::default();
    copy.id = draws.uuid(draw::RETRY_ID);
    copy.attempt = Some(2);
    let after = draws.between(draw::RETRY_BY, 2 * SECOND, 30 * SECOND);
    copy.created_at += after;
    if event.request.is_some() {
        let ways = [(Retry::Same, 0.4), (Retry::OtherRequest, 0.4), (Retry::Restamped, 0.2)];
        match draws.pick(draw::RETRY_HOW, &ways) {
            Retry::Same => {}
            Retry::OtherRequest => copy.request = Some(draws.bits(draw::RETRY_REQUEST)),
            Retry::Restamped => copy.timestamp += after,
        }
    }
    copy
}

fn index(draws: Entity, draw: u64, count: u64) -> usize {
    usize::try_from(draws.below(draw, count)).unwrap_or(0)
}
