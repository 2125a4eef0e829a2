//! A table or view by name.

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
}

impl Relation {
    pub fn new(database: Option<&str>, schema: impl Into<String>, identifier: impl Into<String>) -> Self {
        Self {
            database: database.map(str::to_owned),
            schema: schema.into(),
            identifier: identifier.into(),
            kind: None,
            narrowing: None,
        }
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
            write!(f, "{}.", ident(database))?;
        }
        write!(f, "{}.{}", ident(&self.schema), ident(&self.identifier))
    }
}
