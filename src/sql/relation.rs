//! A table or view by name.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Narrowing, ident};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    Table,
    View,
    MaterializedView,
    /// A subquery written into its readers; nothing in the database.
    Ephemeral,
}

/// Prints as dbt prints it, each part quoted: `"database"."schema"."identifier"`; an ephemeral one is the bare name of the
/// common table expression that stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Relation {
    /// Left out of the printed name where it is `None`.
    pub database: Option<String>,
    pub schema: String,
    pub identifier: String,
    pub kind: Option<RelationKind>,
    /// What a template reads of it where it refers to it; all of it where `None`.
    #[serde(skip)]
    pub narrowing: Option<Box<Narrowing>>,
    /// Which of database, schema and identifier are quoted; the others are printed as they are, and `PostgreSQL` folds them.
    #[serde(default = "all_quoted")]
    pub quoted: [bool; 3],
}

fn all_quoted() -> [bool; 3] {
    [true; 3]
}

impl Relation {
    pub fn new(database: Option<&str>, schema: impl Into<String>, identifier: impl Into<String>) -> Self {
        Self {
            database: database.map(str::to_owned),
            schema: schema.into(),
            identifier: identifier.into(),
            kind: None,
            narrowing: None,
            quoted: all_quoted(),
        }
    }

    #[must_use]
    pub fn quoting(mut self, quoted: [bool; 3]) -> Self {
        self.quoted = quoted;
        self
    }

    /// The schema's name as the catalogue has it.
    #[must_use]
    pub fn stored_schema(&self) -> Cow<'_, str> {
        stored(&self.schema, self.quoted[1])
    }

    /// The relation's name as the catalogue has it.
    #[must_use]
    pub fn stored_identifier(&self) -> Cow<'_, str> {
        stored(&self.identifier, self.quoted[2])
    }

    #[must_use]
    pub fn of_kind(mut self, kind: RelationKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The same schema, another name.
    #[must_use]
    pub fn sibling(&self, identifier: impl Into<String>) -> Self {
        Self {
            identifier: identifier.into(),
            kind: None,
            narrowing: None,
            ..self.clone()
        }
    }

    /// `schema.identifier` unquoted, for people.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("{}.{}", self.schema, self.identifier)
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == Some(RelationKind::Ephemeral) {
            return f.write_str(&self.identifier);
        }
        if let Some(database) = &self.database {
            write!(f, "{}.", written(database, self.quoted[0]))?;
        }
        let schema = written(&self.schema, self.quoted[1]);
        write!(f, "{schema}.{}", written(&self.identifier, self.quoted[2]))
    }
}

fn written(name: &str, quoted: bool) -> Cow<'_, str> {
    if quoted { ident(name).into() } else { name.into() }
}

fn stored(name: &str, quoted: bool) -> Cow<'_, str> {
    if quoted {
        name.into()
    } else {
        name.to_lowercase().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_not_quoted_are_folded() {
        let relation = Relation::new(Some("Db"), "Raw", "Table").quoting([true, true, false]);
        assert_eq!(relation.to_string(), r#""Db"."Raw".Table"#);
        assert_eq!(
            (&*relation.stored_schema(), &*relation.stored_identifier()),
            ("Raw", "table")
        );
        assert_eq!(relation.sibling("New").to_string(), r#""Db"."Raw".New"#);
    }
}
