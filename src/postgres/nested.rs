//! Work that believes in transactions of its own, within one around all of it: its blocks are savepoints.

use std::future::Future;
use std::sync::atomic::Ordering;

use super::statements::{Block, block, depth_zero_words, statements};
use super::{Connection, SqlError};

/// The block that a piece of work has open, and what stands around a text that it sends outside of one.
const BLOCK: &str = "savepoint assay_block";
const TEXT: &str = "savepoint assay_text";

/// A text as it is sent within an outer transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nested {
    pub sql: String,
    /// Where pieces begin, in characters: as sent, and in the text that was given.
    moved: Vec<(usize, usize)>,
}

impl Nested {
    /// What begins, commits and rolls back becomes a savepoint, its release, and the way back to it. `open` tells whether the
    /// work has a block open.
    fn of(text: &str, mut open: bool) -> Result<Self, SqlError> {
        let mut nested = Self {
            sql: String::with_capacity(text.len()),
            moved: Vec::new(),
        };
        let (mut taken, mut sent, mut given) = (0, 0, 0);
        for statement in statements(text) {
            let start = statement.as_ptr() as usize - text.as_ptr() as usize;
            let words = depth_zero_words(statement);
            let word = |at: usize| words.get(at).map_or("", String::as_str);
            let instead = match (word(0), word(1)) {
                ("prepare", "transaction") | ("commit" | "rollback", "prepared") => {
                    return Err(SqlError::client(
                        "a prepared transaction cannot be part of a transaction around it",
                    ));
                }
                ("commit" | "end" | "rollback" | "abort", _)
                    if words.contains(&"chain".to_owned()) && !words.contains(&"no".to_owned()) =>
                {
                    return Err(SqlError::client(
                        "`and chain` cannot be part of a transaction around it",
                    ));
                }
                ("begin", _) | ("start", "transaction") => {
                    // PostgreSQL warns of a second one, no more.
                    if std::mem::replace(&mut open, true) {
                        String::new()
                    } else {
                        BLOCK.to_owned()
                    }
                }
                ("commit" | "end", _) => nested_end(&mut open, "release"),
                ("rollback", second) if second == "to" || word(2) == "to" => continue,
                ("rollback" | "abort", _) => nested_end(&mut open, "rollback to"),
                _ => continue,
            };
            nested.keep(&text[taken..start], &mut sent, &mut given);
            // Nothing at all is a statement, too, that does nothing.
            let instead = if instead.is_empty() { "select" } else { &instead };
            nested.sql.push_str(instead);
            sent += instead.chars().count();
            given += statement.chars().count();
            taken = start + statement.len();
        }
        nested.keep(&text[taken..], &mut sent, &mut given);
        Ok(nested)
    }

    fn keep(&mut self, piece: &str, sent: &mut usize, given: &mut usize) {
        self.moved.push((*sent, *given));
        self.sql.push_str(piece);
        let count = piece.chars().count();
        *sent += count;
        *given += count;
    }

    /// An error that the server found in it, as one in the text that was given.
    pub fn placed(&self, error: SqlError) -> SqlError {
        let place = |position: usize| {
            let at = position.saturating_sub(1);
            let piece = self.moved.iter().rev().find(|(sent, _)| *sent <= at);
            piece.map_or(position, |(sent, given)| at - sent + given + 1)
        };
        SqlError {
            position: error.position.map(place),
            ..error
        }
    }
}

/// The end of a block; nothing where none is open.
fn nested_end(open: &mut bool, how: &str) -> String {
    if std::mem::replace(open, false) {
        format!("{how} {BLOCK}")
    } else {
        String::new()
    }
}

impl Connection {
    /// Opens a transaction around all that is sent until [`Self::leave`] or [`Self::give_up`].
    pub async fn enter(&self, first: &str) -> Result<(), SqlError> {
        self.plainly(&format!("begin;\n{first}")).await?;
        self.set_in_transaction(false);
        self.nested.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Commits the transaction around everything.
    pub async fn leave(&self) -> Result<(), SqlError> {
        let done = self.plainly("commit").await;
        if done.is_ok() {
            self.nested.store(false, Ordering::SeqCst);
            self.set_in_transaction(false);
        }
        done
    }

    /// Undoes everything since [`Self::enter`].
    pub async fn give_up(&self) -> Result<(), SqlError> {
        let done = self.plainly("rollback").await;
        if done.is_ok() {
            self.nested.store(false, Ordering::SeqCst);
            self.set_in_transaction(false);
        }
        done
    }

    /// Begins a part of the transaction that can be undone by itself.
    pub async fn enter_part(&self) -> Result<(), SqlError> {
        self.plainly("savepoint assay_part").await
    }

    /// Ends a part. What failed is undone, and what the part left open.
    pub async fn leave_part(&self, well: bool) -> Result<(), SqlError> {
        if self.in_transaction() && well {
            self.plainly(&format!("rollback to {BLOCK}")).await?;
        }
        self.set_in_transaction(false);
        self.plainly(if well {
            "release savepoint assay_part"
        } else {
            "rollback to savepoint assay_part; release savepoint assay_part"
        })
        .await
    }

    pub(super) fn is_nested(&self) -> bool {
        self.nested.load(Ordering::SeqCst)
    }

    /// The text as it is sent now; `None` where that is as it stands.
    pub(super) fn nested(&self, sql: &str) -> Result<Option<Nested>, SqlError> {
        if !self.is_nested() {
            return Ok(None);
        }
        Nested::of(sql, self.in_transaction()).map(Some)
    }

    /// Outside of blocks a text that fails leaves nothing behind, and what comes next is heard.
    pub(super) async fn guarded<T>(
        &self,
        sql: &str,
        work: impl Future<Output = Result<T, SqlError>>,
    ) -> Result<T, SqlError> {
        if !self.is_nested() || self.in_transaction() || block(sql) != (Block::Kept, false) {
            return work.await;
        }
        self.plainly(TEXT).await?;
        let done = work.await;
        match &done {
            Ok(_) => self.plainly(&format!("release {TEXT}")).await?,
            Err(error) if error.lost => {}
            Err(_) => self.plainly(&format!("rollback to {TEXT}; release {TEXT}")).await?,
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &str, open: bool) -> String {
        Nested::of(text, open).expect("can be nested").sql
    }

    #[test]
    fn blocks_become_savepoints() {
        assert_eq!(
            sent("begin;\ninsert into t select ';begin;';\ncommit;\n", false),
            "savepoint assay_block;\ninsert into t select ';begin;';\nrelease savepoint assay_block;\n"
        );
        assert_eq!(sent("rollback", true), "rollback to savepoint assay_block");
        assert_eq!(sent("rollback", false), "select");
        assert_eq!(sent("rollback to savepoint x", true), "rollback to savepoint x");
        assert_eq!(
            sent("COMMIT; start transaction; abort", true),
            "release savepoint assay_block; savepoint assay_block; rollback to savepoint assay_block"
        );
        assert_eq!(sent("begin; begin", false), "savepoint assay_block; select");
        assert_eq!(
            sent("do 'begin end'; select case when a then b end", false),
            "do 'begin end'; select case when a then b end"
        );
        for refused in ["prepare transaction 'x'", "commit and chain", "commit prepared 'x'"] {
            assert!(Nested::of(refused, true).is_err(), "{refused}");
        }
    }

    #[test]
    fn an_error_keeps_its_place() {
        let given = "begin;\nselect é, wrong;\ncommit; select other";
        let nested = Nested::of(given, false).expect("can be nested");
        for word in ["wrong", "other", "select é"] {
            let at = |text: &str| text[..text.find(word).expect("there")].chars().count() + 1;
            let error = SqlError {
                position: Some(at(&nested.sql)),
                ..SqlError::client("no such column")
            };
            assert_eq!(nested.placed(error).position, Some(at(given)), "{word}");
        }
    }
}
