//! The cut of a domain into parts that are made apart from one another.

use std::ops::Range;

/// A range of owners (units, users) with all their sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub owners: Range<u64>,
    /// The indexes of the owners' sessions, numbered through all owners.
    pub sessions: Range<u64>,
}

/// How many sessions a group of owners has, and about how many rows of the main table come from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    pub sessions: u64,
    pub rows: f64,
}

impl Weight {
    /// Sessions that bring about `each` rows.
    pub fn of(sessions: u64, each: f64) -> Self {
        Self {
            sessions,
            rows: float(sessions) * each,
        }
    }
}

/// Cuts owners, `group` at a time, into chunks of about `chunk_rows` rows until about `rows` rows are reached. What
/// an owner gets depends on the owners before it alone, so a smaller size is the beginning of a larger one.
pub(super) fn cut(rows: u64, chunk_rows: u64, group: u64, weigh: impl Fn(u64) -> Weight) -> Vec<Chunk> {
    let (target, most) = (float(rows), float(chunk_rows.max(1)));
    let mut chunks = Vec::new();
    let (mut owner, mut session) = (0, 0);
    let mut total = 0.0;
    while total < target {
        let (first_owner, first_session) = (owner, session);
        let mut here = 0.0;
        while here < most && total + here < target {
            for each in owner..owner + group {
                let weight = weigh(each);
                session += weight.sessions;
                here += weight.rows;
            }
            owner += group;
        }
        total += here;
        chunks.push(Chunk {
            owners: first_owner..owner,
            sessions: first_session..session,
        });
    }
    chunks
}

#[allow(clippy::cast_precision_loss, reason = "a number of rows is far below 2^53")]
fn float(rows: u64) -> f64 {
    rows as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weigh(owner: u64) -> Weight {
        Weight {
            sessions: owner % 3,
            rows: 10.0,
        }
    }

    #[test]
    fn chunks_join_and_do_not_move_the_end() {
        for chunk_rows in [1, 25, 70, 10_000] {
            let chunks = cut(1_000, chunk_rows, 2, weigh);
            assert_eq!(chunks[0].owners.start, 0);
            assert!(chunks.windows(2).all(
                |pair| pair[0].owners.end == pair[1].owners.start && pair[0].sessions.end == pair[1].sessions.start
            ));
            let last = chunks.last().unwrap();
            assert_eq!((last.owners.end, last.sessions.end), (100, 99));
        }
    }
}
