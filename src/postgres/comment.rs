//! A comment that goes with every statement of a session: who sent it, for those who look at the server.

use std::borrow::Cow;

use super::nested::Nested;
use super::{Connection, SqlError};
use crate::diagnostic::Diagnostic;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    text: String,
    /// Behind the statement instead of before it.
    append: bool,
}

impl Comment {
    /// `None` where there is nothing to say. Fails where the text would end the comment.
    pub fn new(text: &str, append: bool) -> Result<Option<Self>, Diagnostic> {
        let text = text.trim();
        if text.contains("*/") {
            return Err(Diagnostic::error(
                "query-comment",
                "the query comment has `*/` in it, which ends a comment",
            )
            .because(text.to_owned())
            .help("take it out of `query-comment`"));
        }
        let text = text.to_owned();
        Ok((!text.is_empty()).then_some(Self { text, append }))
    }

    fn before(&self) -> String {
        if self.append {
            String::new()
        } else {
            format!("/* {} */\n", self.text)
        }
    }

    fn with(&self, sql: &str) -> String {
        if !self.append {
            return format!("{}{sql}", self.before());
        }
        let sql = sql.trim_end();
        match sql.strip_suffix(';') {
            Some(sql) => format!("{sql}\n/* {} */;", self.text),
            None => format!("{sql}\n/* {} */", self.text),
        }
    }
}

/// A text as it is sent.
pub(super) struct Sent<'a> {
    pub sql: Cow<'a, str>,
    /// How many characters stand before it.
    shift: usize,
    nested: Option<Nested>,
}

impl<'a> Sent<'a> {
    pub fn new(sql: &'a str, comment: Option<&Comment>) -> Self {
        Self {
            sql: comment.map_or(Cow::Borrowed(sql), |comment| comment.with(sql).into()),
            shift: comment.map_or(0, |comment| comment.before().chars().count()),
            nested: None,
        }
    }

    /// An error that the server found in it, as one in the text without the comment.
    pub fn placed(&self, error: SqlError) -> SqlError {
        let error = SqlError {
            position: error
                .position
                .map(|position| position.saturating_sub(self.shift).max(1)),
            ..error
        };
        match &self.nested {
            Some(nested) => nested.placed(error),
            None => error,
        }
    }
}

impl Connection {
    /// Puts a comment to every statement from now on.
    pub fn annotate(&self, comment: Option<Comment>) {
        *self.comment.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = comment;
    }

    pub(super) fn sent<'a>(&self, sql: &'a str) -> Result<Sent<'a>, SqlError> {
        let nested = self.nested(sql)?;
        let comment = self.comment.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(nested) = nested else {
            return Ok(Sent::new(sql, comment.as_ref()));
        };
        let Sent { sql, shift, .. } = Sent::new(&nested.sql, comment.as_ref());
        Ok(Sent {
            sql: Cow::Owned(sql.into_owned()),
            shift,
            nested: Some(nested),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_and_behind() {
        let comment = |append| Comment::new(" {} ", append).expect("a comment");
        assert_eq!(
            Sent::new("select 1;", comment(false).as_ref()).sql,
            "/* {} */\nselect 1;"
        );
        assert_eq!(
            Sent::new("select 1; ", comment(true).as_ref()).sql,
            "select 1\n/* {} */;"
        );
        assert_eq!(Sent::new("select 1", comment(true).as_ref()).sql, "select 1\n/* {} */");
        assert_eq!(Comment::new(" ", false).expect("nothing"), None);
        assert!(Comment::new("a */ drop", false).is_err());
    }
}
