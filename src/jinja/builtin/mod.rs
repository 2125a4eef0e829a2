//! The package `dbt`: the macros that every project may call and override.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::engine::MacroFile;
use super::host::{Host, Refusal};
use super::table::BUILTIN;
use crate::diagnostic::SourceFile;
use crate::sql::{Column, Relation, Table};

const FILES: [(&str, &str); 6] = [
    ("dates.sql", include_str!("dates.sql")),
    ("names.sql", include_str!("names.sql")),
    ("statement.sql", include_str!("statement.sql")),
    ("tests.sql", include_str!("tests.sql")),
    ("text.sql", include_str!("text.sql")),
    ("types.sql", include_str!("types.sql")),
];

/// The package's files.
pub fn files() -> Vec<MacroFile> {
    FILES
        .iter()
        .map(|(name, text)| MacroFile {
            package: BUILTIN.to_owned(),
            file: SourceFile::new(format!("(builtin)/{name}"), *text),
        })
        .collect()
}

/// A host that knows nothing, for work that renders nothing.
pub struct Nowhere;

fn refused() -> Refusal {
    Refusal::new("no-context", "nothing can be asked here")
}

impl Host for Nowhere {
    fn reference(&self, _: Option<&str>, _: &str, _: Option<&str>) -> Result<Relation, Refusal> {
        Err(refused())
    }

    fn source(&self, _: &str, _: &str) -> Result<Relation, Refusal> {
        Err(refused())
    }

    fn configure(&self, _: IndexMap<String, Json>) -> Result<(), Refusal> {
        Err(refused())
    }

    fn config(&self, _: &str) -> Option<Json> {
        None
    }

    fn var(&self, _: &str, _: &str) -> Result<Option<Json>, Refusal> {
        Ok(None)
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn called(&self, _: &str) {}

    fn query(&self, _: &str) -> Result<Table, Refusal> {
        Err(refused())
    }

    fn relation(&self, _: &str, _: &str) -> Result<Option<Relation>, Refusal> {
        Err(refused())
    }

    fn columns(&self, _: &Relation) -> Result<Vec<Column>, Refusal> {
        Err(refused())
    }

    fn log(&self, _: &str, _: bool) {}

    fn warn(&self, _: &str) {}
}
