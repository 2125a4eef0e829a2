//! Statements as events: which node sends what, and how long the server takes.

use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex};

use super::event::{Event, Events};
use super::thread::{current_node, current_thread};
use crate::postgres::{Observer, Passage};

/// A password as SQL has it (`create role .. password 'x'`), or as a connection string in it has it (`password=x`).
static PASSWORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(password(?:\s+|\s*=\s*))'(?:[^']|'')*'|\b(password=)[^\s'\x22;,)]+").ok());

/// Tells of every statement of a session.
#[must_use]
pub fn statement_log(events: &Events) -> Observer {
    let events = std::sync::Mutex::new(events.clone());
    Arc::new(move |passage| {
        let (node, thread) = (current_node(), current_thread());
        let event = match passage {
            Passage::Sent(sql) => Event::StatementSent {
                node,
                thread,
                sql: without_passwords(sql),
            },
            Passage::Answered { seconds, error } => Event::StatementDone {
                node,
                thread,
                seconds,
                error: error.map(ToString::to_string),
            },
        };
        events
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .tell(event);
    })
}

fn without_passwords(sql: &str) -> String {
    match &*PASSWORD {
        Some(password) => password
            .replace_all(sql, |found: &Captures<'_>| match (found.get(1), found.get(2)) {
                (Some(before), _) => format!("{}'*****'", before.as_str()),
                (_, Some(before)) => format!("{}*****", before.as_str()),
                _ => String::new(),
            })
            .into_owned(),
        None => sql.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_told() {
        for (sql, told) in [
            ("create role r password 'it''s'", "create role r password '*****'"),
            (
                "select dblink('host=h password=abc dbname=d')",
                "select dblink('host=h password=***** dbname=d')",
            ),
            (
                "options (user 'u', PASSWORD 'p')",
                "options (user 'u', PASSWORD '*****')",
            ),
            ("select password from users", "select password from users"),
        ] {
            assert_eq!(without_passwords(sql), told);
        }
    }
}
