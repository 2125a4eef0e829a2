//! The packages `dbt` and `dbt_postgres`: the macros that every project may call and override.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::engine::MacroFile;
use super::host::{Host, Refusal};
use super::table::BUILTIN;
use crate::diagnostic::SourceFile;
use crate::sql::{Column, Relation, Table};

/// What every database has: the package `dbt`.
const ANY: [(&str, &str); 30] = [
    ("dbt/clone.sql", include_str!("dbt/clone.sql")),
    ("dbt/columns.sql", include_str!("dbt/columns.sql")),
    ("dbt/contract.sql", include_str!("dbt/contract.sql")),
    ("dbt/dates.sql", include_str!("dbt/dates.sql")),
    ("dbt/docs.sql", include_str!("dbt/docs.sql")),
    ("dbt/function.sql", include_str!("dbt/function.sql")),
    ("dbt/grants.sql", include_str!("dbt/grants.sql")),
    ("dbt/hooks.sql", include_str!("dbt/hooks.sql")),
    ("dbt/incremental.sql", include_str!("dbt/incremental.sql")),
    ("dbt/indexes.sql", include_str!("dbt/indexes.sql")),
    ("dbt/materialized_view.sql", include_str!("dbt/materialized_view.sql")),
    ("dbt/merge.sql", include_str!("dbt/merge.sql")),
    ("dbt/metadata.sql", include_str!("dbt/metadata.sql")),
    ("dbt/names.sql", include_str!("dbt/names.sql")),
    ("dbt/python.sql", include_str!("dbt/python.sql")),
    ("dbt/relation.sql", include_str!("dbt/relation.sql")),
    ("dbt/relation_sql.sql", include_str!("dbt/relation_sql.sql")),
    ("dbt/schema.sql", include_str!("dbt/schema.sql")),
    ("dbt/schema_change.sql", include_str!("dbt/schema_change.sql")),
    ("dbt/seed.sql", include_str!("dbt/seed.sql")),
    ("dbt/snapshot.sql", include_str!("dbt/snapshot.sql")),
    ("dbt/snapshot_strategy.sql", include_str!("dbt/snapshot_strategy.sql")),
    ("dbt/statement.sql", include_str!("dbt/statement.sql")),
    ("dbt/table.sql", include_str!("dbt/table.sql")),
    ("dbt/test.sql", include_str!("dbt/test.sql")),
    ("dbt/tests.sql", include_str!("dbt/tests.sql")),
    ("dbt/text.sql", include_str!("dbt/text.sql")),
    ("dbt/types.sql", include_str!("dbt/types.sql")),
    ("dbt/unit_test.sql", include_str!("dbt/unit_test.sql")),
    ("dbt/view.sql", include_str!("dbt/view.sql")),
];

/// What PostgreSQL does its own way: the package `dbt_postgres`.
const POSTGRES: [(&str, &str); 11] = [
    ("postgres/catalog.sql", include_str!("postgres/catalog.sql")),
    ("postgres/dates.sql", include_str!("postgres/dates.sql")),
    ("postgres/function.sql", include_str!("postgres/function.sql")),
    ("postgres/incremental.sql", include_str!("postgres/incremental.sql")),
    ("postgres/indexes.sql", include_str!("postgres/indexes.sql")),
    (
        "postgres/materialized_view.sql",
        include_str!("postgres/materialized_view.sql"),
    ),
    ("postgres/relation.sql", include_str!("postgres/relation.sql")),
    ("postgres/snapshot.sql", include_str!("postgres/snapshot.sql")),
    ("postgres/table.sql", include_str!("postgres/table.sql")),
    ("postgres/text.sql", include_str!("postgres/text.sql")),
    ("postgres/view.sql", include_str!("postgres/view.sql")),
];

/// The packages' files.
pub fn files() -> Vec<MacroFile> {
    let of = |package: &'static str, files: &'static [(&str, &str)]| {
        files.iter().map(move |(name, text)| MacroFile {
            package: package.to_owned(),
            file: SourceFile::new(format!("(builtin)/{name}"), *text),
        })
    };
    of(BUILTIN[0], &ANY).chain(of(BUILTIN[1], &POSTGRES)).collect()
}

/// A host that knows nothing, for work that renders nothing.
pub struct Nowhere;

fn refused() -> Refusal {
    Refusal::new("no-context", "nothing can be asked here")
}

impl Host for Nowhere {
    fn reference(&self, _: Option<&str>, _: &str, _: Option<&Json>) -> Result<Relation, Refusal> {
        Err(refused())
    }

    fn source(&self, _: &str, _: &str) -> Result<Relation, Refusal> {
        Err(refused())
    }

    fn function(&self, _: Option<&str>, _: &str) -> Result<Relation, Refusal> {
        Err(refused())
    }

    fn metric(&self, _: Option<&str>, _: &str) -> Result<String, Refusal> {
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

    fn warn(&self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
}
