//! A raw table as `COPY` names it.

use crate::sql::ident;

/// A raw table and the columns that are written, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub schema: &'static str,
    pub name: &'static str,
    pub columns: &'static [&'static str],
    /// The column that holds when a row arrived.
    pub arrival: &'static str,
}

impl Table {
    /// `schema.name`.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// `"schema"."name"`, for statements.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("{}.{}", ident(self.schema), ident(self.name))
    }
}
