//! Whether work that failed may simply be done again: what it has settled on the server, and why it failed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::SqlError;
use super::statements::{depth_zero_words, statements};

/// The book that a connection keeps of the work that it is used for.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// Something of it is committed, or may be.
    settled: AtomicBool,
    failure: Mutex<Option<SqlError>>,
}

impl Attempt {
    pub fn begin(&self) {
        self.set_settled(false);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::SeqCst)
    }

    pub fn set_settled(&self, settled: bool) {
        self.settled.store(settled, Ordering::SeqCst);
    }

    /// Takes down how a text ended that was sent while a transaction block was open, or none.
    pub fn note(&self, sql: &str, in_transaction: bool, error: Option<&SqlError>) {
        let lasting = lasting(sql, in_transaction);
        let settles = match error {
            None => lasting != Lasting::Nothing,
            // Whether it was heard nobody knows.
            Some(error) if error.lost => lasting != Lasting::Nothing,
            Some(_) => lasting == Lasting::Early,
        };
        if settles {
            self.set_settled(true);
        }
        if let Some(error) = error
            && !sql.trim_start().to_ascii_lowercase().starts_with("rollback")
        {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }

    pub fn failure(&self) -> Option<SqlError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What of a text outlasts its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasting {
    Nothing,
    /// All or nothing: it is committed with the end of the text.
    AtTheEnd,
    /// A part of it is committed although a later part fails.
    Early,
}

fn lasting(sql: &str, in_transaction: bool) -> Lasting {
    let mut open = in_transaction;
    let mut found = Lasting::Nothing;
    let all = statements(sql);
    for (position, statement) in all.iter().enumerate() {
        let words = depth_zero_words(statement);
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match (word(0), word(1)) {
            ("begin", _) | ("start", "transaction") => open = true,
            ("commit" | "end", _) | ("prepare", "transaction") => {
                open = false;
                let last = position + 1 == all.len();
                found = if last { Lasting::AtTheEnd } else { Lasting::Early };
            }
            ("abort", _) => open = false,
            ("rollback", second) if second != "to" && word(2) != "to" => open = false,
            _ if !open && !only_looks(statement, &words) => {
                // Statements without a block are one transaction with the others of their text.
                found = if found == Lasting::Early {
                    found
                } else {
                    Lasting::AtTheEnd
                };
            }
            _ => {}
        }
    }
    found
}

/// Whether a statement changes nothing that stays, functions that it calls aside.
fn only_looks(statement: &str, words: &[String]) -> bool {
    let writes = |text: &str| {
        let lower = text.to_ascii_lowercase();
        let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(|word| matches!(word, "insert" | "update" | "delete" | "merge" | "into"))
    };
    match words.first().map_or("", String::as_str) {
        "" | "set" | "reset" | "show" | "values" | "table" | "explain" | "analyze" | "discard" | "listen"
        | "rollback" | "savepoint" | "release" | "deallocate" => true,
        "select" | "with" => !writes(statement),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts() {
        for (sql, in_transaction, wanted) in [
            ("select 1", false, Lasting::Nothing),
            ("create table t ()", true, Lasting::Nothing),
            ("create table t ()", false, Lasting::AtTheEnd),
            ("begin; create table t ()", false, Lasting::Nothing),
            ("begin; create table t (); commit", false, Lasting::AtTheEnd),
            ("insert into t select 1; commit;", true, Lasting::AtTheEnd),
            ("commit; drop table t", true, Lasting::Early),
            ("begin; delete from t; rollback", false, Lasting::Nothing),
            (
                "begin; savepoint a; rollback to a; delete from t",
                false,
                Lasting::Nothing,
            ),
            (
                "with d as (delete from t returning 1) select * from d",
                false,
                Lasting::AtTheEnd,
            ),
            (
                "/* delete */ with d as (select 1) select * from d -- into",
                false,
                Lasting::AtTheEnd,
            ),
            ("select * into u from t", false, Lasting::AtTheEnd),
            ("vacuum t", false, Lasting::AtTheEnd),
        ] {
            assert_eq!(lasting(sql, in_transaction), wanted, "{sql}");
        }
    }

    #[test]
    fn a_lost_commit_is_not_known_and_a_refused_one_is() {
        let lost = SqlError::gone(None);
        let refused = SqlError {
            sqlstate: Some("40001".into()),
            ..SqlError::client("could not serialize access")
        };
        let attempt = Attempt::default();
        attempt.note("delete from t", true, Some(&lost));
        assert!(!attempt.is_settled() && attempt.failure().is_some());
        attempt.note("commit", true, Some(&refused));
        assert!(!attempt.is_settled());
        attempt.note("commit", true, Some(&lost));
        assert!(attempt.is_settled());
        attempt.begin();
        assert!(!attempt.is_settled() && attempt.failure().is_none());
    }
}
