//! Units (users and households), what they do, and which variants they were assigned.

use sha2::{Digest, Sha256};

use super::super::ExpProfile;
use super::super::clock::{MILLISECOND, Micros};
use super::super::distribution::poisson;
use super::super::random::{Entity, Stream};
use super::catalog::Catalog;
use super::design::{EXPERIMENTS, ROLLOUT, loses_assignment};

/// Most sessions and most plans of a unit.
pub const MOST: i64 = 63;

/// Draws of stream `exp.unit`.
mod draw {
    pub const SESSIONS: u64 = 0;
    pub const PLANS: u64 = 1;
    pub const HOUSEHOLD: u64 = 2;
    pub const PLATFORM: u64 = 3;
    pub const EXPERIMENTS: u64 = 4;
    pub const REVERSED: u64 = 5;
    pub const APP_VERSION: u64 = 6;
    pub const CHOICES: u64 = 8;
    /// For each experiment: two for the id, one for how long before the first event.
    pub const ASSIGNMENTS: u64 = 16;
}

/// Users in a second and in a third experiment as shares of all units; households are in one at most.
const HOUSEHOLDS: f64 = 0.12;
const TWO: f64 = 0.12;
const THREE: f64 = 0.02;

#[derive(Clone, Debug)]
pub struct Unit {
    pub id: String,
    pub unit_type: &'static str,
    pub platform: &'static str,
    pub app_version: &'static str,
    pub assignments: Vec<Assignment>,
    /// The order of `experiments` in the unit's events is reversed.
    pub reversed: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    pub id: u128,
    pub experiment: usize,
    pub arm: usize,
    pub assigned_at: Micros,
    pub created_at: Micros,
}

/// How many sessions and plans a unit has.
pub fn activity(units: Stream, index: u64) -> (u64, u64) {
    let draws = units.entity(index);
    let sessions = (1 + poisson(draws.uniform(draw::SESSIONS), 3.6)).min(MOST);
    let plans = poisson(draws.uniform(draw::PLANS), 3.0).min(MOST);
    (sessions.unsigned_abs(), plans.unsigned_abs())
}

impl Unit {
    /// `starts` are the moments at which its sessions and plans begin.
    pub fn new(catalog: &Catalog, profile: ExpProfile, units: Stream, index: u64, starts: &[Micros]) -> Self {
        let draws = units.entity(index);
        let household = draws.chance(draw::HOUSEHOLD, HOUSEHOLDS);
        let platform = draws.pick(draw::PLATFORM, &[("ios", 0.35), ("android", 0.30), ("web", 0.35)]);
        let id = if household {
            format!("household-{}", 100 + index)
        } else {
            format!("user-{}", 1_000 + index)
        };
        let assign = |experiment: usize| {
            let bucket = bucket(catalog.experiments[experiment].id, &id);
            let arm = arm(EXPERIMENTS[experiment].arms, bucket);
            let lost = loses_assignment(profile, experiment, arm, bucket, platform != "web");
            (!lost).then(|| assignment(draws, experiment, arm, starts)).flatten()
        };
        let chosen = if household { vec![ROLLOUT] } else { chosen(draws) };
        let assignments = chosen.into_iter().filter_map(assign).collect();
        Self {
            unit_type: if household { "household" } else { "user" },
            platform,
            app_version: draws.pick(draw::APP_VERSION, &[("4.2.0", 0.5), ("4.1.3", 0.3), ("4.0.1", 0.2)]),
            assignments,
            reversed: draws.chance(draw::REVERSED, 0.5),
            id,
        }
    }

    pub fn is_mobile(&self) -> bool {
        self.platform != "web"
    }

    /// The assignments that count at a moment, in the order in which events name them.
    pub fn exposed(&self, at: Micros) -> Vec<Assignment> {
        let active =
            |a: &&Assignment| a.assigned_at <= at && EXPERIMENTS[a.experiment].end().is_none_or(|end| at < end);
        let mut exposed: Vec<Assignment> = self.assignments.iter().filter(active).copied().collect();
        if self.reversed {
            exposed.reverse();
        }
        exposed
    }
}

fn chosen(draws: Entity) -> Vec<usize> {
    let users = 1.0 - HOUSEHOLDS;
    let u = draws.uniform(draw::EXPERIMENTS);
    let count = if u < THREE / users {
        3
    } else if u < (THREE + TWO) / users {
        2
    } else {
        1
    };
    let mut chosen: Vec<usize> = Vec::new();
    for k in 0..count {
        let left: Vec<(usize, f64)> = (0..EXPERIMENTS.len())
            .filter(|index| !chosen.contains(index))
            .map(|index| (index, EXPERIMENTS[index].weight))
            .collect();
        chosen.push(draws.pick(draw::CHOICES + k, &left));
    }
    chosen.sort_unstable();
    chosen
}

/// A unit is assigned a moment before what it first does while the experiment runs.
fn assignment(draws: Entity, experiment: usize, arm: usize, starts: &[Micros]) -> Option<Assignment> {
    let design = &EXPERIMENTS[experiment];
    let begin = design.start()?;
    let runs = |at: &Micros| *at >= begin && design.end().is_none_or(|end| *at < end);
    let first = starts.iter().copied().filter(runs).min()?;
    let own = draw::ASSIGNMENTS + 4 * experiment as u64;
    let before = draws.between(own + 2, 200, 4_999) * MILLISECOND;
    let assigned_at = (first - before).max(begin);
    Some(Assignment {
        id: draws.uuid(own),
        experiment,
        arm,
        assigned_at,
        created_at: assigned_at,
    })
}

/// The first 8 bytes of `sha256(experiment_id ':' unit_id)`, big-endian, modulo 10,000.
fn bucket(experiment: u128, unit: &str) -> u32 {
    let hash = Sha256::digest(format!("{}:{unit}", uuid::Uuid::from_u128(experiment)));
    let first = hash
        .iter()
        .take(8)
        .fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    u32::try_from(first % 10_000).unwrap_or(0)
}

/// The last arm takes what is left.
fn arm(arms: &[(&str, u32)], bucket: u32) -> usize {
    let mut upper = 0;
    for (index, (_, share)) in arms.iter().enumerate() {
        upper += share;
        if bucket < upper {
            return index;
        }
    }
    arms.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_the_published_vectors() {
        let experiment = 0x1111_1111_1111_4111_8111_1111_1111_1111;
        for (unit, expected) in [("user-1", 731), ("user-2", 1415), ("user-3", 6497), ("user-123", 2964)] {
            assert_eq!(bucket(experiment, unit), expected);
        }
    }

    #[test]
    fn the_last_arm_takes_the_rest() {
        let arms = [("a", 4_000), ("b", 2_000), ("c", 3_999)];
        assert_eq!(
            [0, 3_999, 4_000, 5_999, 6_000, 9_999].map(|b| arm(&arms, b)),
            [0, 0, 1, 1, 2, 2]
        );
    }
}
