//! What the ledger tells of certificates and publications: to readers, to people, to the docs site.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, ident, literal};

use super::ledger::{Changes, Ledger};
use super::readers::grant_readers;

/// How fresh a source was when what stands on it was certified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceEvidence {
    /// Its node id.
    pub source: String,
    /// `pass`, `warn`, `error`, or `runtime error` where it could not be told.
    pub status: String,
    pub max_loaded_at: Option<String>,
    /// When it was asked.
    pub measured_at: Option<String>,
    pub age_seconds: Option<f64>,
}

impl SourceEvidence {
    /// Whether it is within its `error_after`.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        matches!(self.status.as_str(), "pass" | "warn")
    }

    /// `raw.orders`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.splitn(3, '.').nth(2).unwrap_or(&self.source)
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let Some(age) = self.age_seconds else {
            return format!("{}: nobody could tell how old it is", self.name());
        };
        let limit = if self.is_fresh() { "warn_after" } else { "error_after" };
        // The first moment of the year 1 stands for a source without rows.
        if self.max_loaded_at.as_deref().is_some_and(|at| at.starts_with("0001-")) {
            return format!("{} has no rows, which is beyond its {limit}", self.name());
        }
        let (name, at) = (self.name(), self.max_loaded_at.as_deref().unwrap_or_default());
        let at = at.get(..19).unwrap_or(at).replace('T', " ");
        format!(
            "{name} was loaded last at {at} UTC, {:.1} hours before, beyond its {limit}",
            age / 3600.0
        )
    }
}

/// One line of `assay history`.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    pub at: String,
    pub model: String,
    pub version: String,
    pub state: String,
    pub action: String,
    pub rows: Option<i64>,
    pub tests_passed: Option<i32>,
    pub tests_warned: Option<i32>,
    /// Names and counts of the tests that warned.
    pub warnings: Option<String>,
    /// Against what readers saw before; `None` where that was not compared.
    pub changes: Option<Changes>,
    pub run_id: String,
}

/// A published version and why it may be trusted.
#[derive(Clone, Debug, Serialize)]
pub struct Certified {
    pub node_id: String,
    pub version: String,
    /// The published name.
    pub model: String,
    /// `version`, or `delta` where the newest rows alone were audited.
    pub scope: String,
    pub certified_at: String,
    pub data_as_of: Option<String>,
    pub tests_passed: i32,
    pub tests_warned: i32,
    pub rows: Option<i64>,
    pub expires_at: Option<String>,
    pub is_current: bool,
    /// A list of [`SourceEvidence`].
    pub sources: serde_json::Value,
    /// What the newest publication or delta did to its rows.
    pub changes: Option<Changes>,
    /// A list of `TestEvidence`.
    pub tests: serde_json::Value,
    pub run_id: String,
}

/// The columns of `published_models`. New ones go to the end: readers may hang views on it.
const COLUMNS: [(&str, &str); 18] = [
    ("model", "v.model"),
    ("version", "v.version_name"),
    ("certified_at", "c.certified_at"),
    ("tests_passed", "c.tests_passed"),
    ("tests_warned", "c.tests_warned"),
    ("rows", "c.rows"),
    ("data_as_of", "c.data_as_of"),
    ("published_at", "p.published_at"),
    ("run_id", "c.run_id"),
    ("expires_at", "c.expires_at"),
    ("is_current", "coalesce(c.expires_at > now(), true)"),
    ("freshness", FRESHNESS),
    ("warnings", WARNINGS),
    ("rows_added", "p.rows_added"),
    ("rows_changed", "p.rows_changed"),
    ("rows_removed", "p.rows_removed"),
    ("sources", "c.sources"),
    ("oldest_source_at", OLDEST),
];

/// The worst status of the sources; null where none has a limit for its age.
const FRESHNESS: &str = "(select s->>'status' from jsonb_array_elements(c.sources) as s \
     order by array_position(array['runtime error', 'error', 'warn', 'pass'], s->>'status') limit 1)";

const OLDEST: &str = "(select min((s->>'max_loaded_at')::timestamptz) from jsonb_array_elements(c.sources) as s)";

/// `not_null_orders_id: 3`, of every test that warned.
const WARNINGS: &str = "(select string_agg(format('%s: %s', split_part(t->>'test', '.', 3), t->>'failures'), ', ' \
     order by t->>'test') from jsonb_array_elements(c.tests) as t where t->>'status' = 'warn')";

/// The view `published_models`: what each published model is, and why it may be trusted. One with fewer columns is
/// replaced under its readers, who keep their grants.
#[must_use]
pub fn evidence_sql(ledger: &Ledger, readers: &[String]) -> String {
    let view = Relation::new(None, &ledger.schema, "published_models").to_string();
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|(name, expression)| format!("{expression} as {}", ident(name)))
        .collect();
    let create = format!(
        "create or replace view {view} as
select {}
from assay.versions v
join lateral (select * from assay.certificates c where c.version_id = v.version_id order by c.certificate_id desc limit 1) c on true
join lateral (select * from assay.publications p where p.version_id = v.version_id order by p.publication_id desc limit 1) p on true
where v.published_schema = {} and v.state = 'published'",
        columns.join(",\n       "),
        literal(&ledger.schema)
    );
    format!(
        "do $assay$ begin if (select count(*) from pg_attribute where attrelid = to_regclass({}) and attnum > 0 \
         and not attisdropped) < {} then execute {}; end if; end $assay$;\n{}",
        literal(&view),
        COLUMNS.len(),
        literal(&create),
        grant_readers(&view, readers)
    )
}

/// Three columns that are null together.
fn changes(row: &tokio_postgres::Row, first: usize) -> Option<Changes> {
    Some(Changes {
        added: row.get::<_, Option<i64>>(first)?,
        changed: row.get::<_, Option<i64>>(first + 1)?,
        removed: row.get::<_, Option<i64>>(first + 2)?,
    })
}

impl Ledger {
    /// How fresh the sources were that each published model was certified on, by node.
    pub async fn sources(&self, connection: &Connection) -> Result<HashMap<String, Vec<SourceEvidence>>, SqlError> {
        let certificates = self.certificates(connection).await?;
        let of = |one: Certified| (one.node_id, serde_json::from_value(one.sources).unwrap_or_default());
        Ok(certificates.into_iter().map(of).collect())
    }

    /// The newest certificate of each published version, with its tests.
    pub async fn certificates(&self, connection: &Connection) -> Result<Vec<Certified>, SqlError> {
        let rows = connection
            .query(
                "select v.node_id, v.version_name, v.model, c.scope, \
                        to_char(c.certified_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
                        to_char(c.data_as_of at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
                        c.tests_passed, c.tests_warned, c.rows, c.tests, c.run_id::text, c.sources, \
                        to_char(c.expires_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
                        coalesce(c.expires_at > now(), true), p.rows_added, p.rows_changed, p.rows_removed \
                 from assay.versions v \
                 join lateral (select * from assay.certificates c where c.version_id = v.version_id \
                               order by c.certificate_id desc limit 1) c on true \
                 left join lateral (select * from assay.publications p where p.version_id = v.version_id \
                                    order by p.publication_id desc limit 1) p on true \
                 where v.published_schema = $1 and v.state = 'published'",
                &[&self.schema],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| Certified {
                node_id: row.get(0),
                version: row.get(1),
                model: row.get(2),
                scope: row.get(3),
                certified_at: row.get(4),
                data_as_of: row.get(5),
                tests_passed: row.get(6),
                tests_warned: row.get(7),
                rows: row.get(8),
                tests: row.get(9),
                run_id: row.get(10),
                sources: row.get(11),
                expires_at: row.get(12),
                is_current: row.get(13),
                changes: changes(row, 14),
            })
            .collect())
    }

    /// What was published, newest first.
    pub async fn history(
        &self,
        connection: &Connection,
        model: Option<&str>,
        limit: i64,
    ) -> Result<Vec<HistoryEntry>, SqlError> {
        let sql = format!(
            "select to_char(p.published_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), p.model, v.version_name,
                        v.state, p.action, c.rows, c.tests_passed, p.run_id::text, c.tests_warned, {WARNINGS},
                        p.rows_added, p.rows_changed, p.rows_removed
                 from assay.publications p join assay.versions v using (version_id)
                 left join lateral (select c.rows, c.tests_passed, c.tests_warned, c.tests from assay.certificates c
                                    where c.version_id = p.version_id and c.certified_at <= p.published_at
                                    order by c.certificate_id desc limit 1) c on true
                 where p.published_schema = $1 and ($2::text is null or p.model = $2)
                 order by p.publication_id desc limit $3"
        );
        let rows = connection.query(&sql, &[&self.schema, &model, &limit]).await?;
        Ok(rows
            .iter()
            .map(|row| HistoryEntry {
                at: row.get(0),
                model: row.get(1),
                version: row.get(2),
                state: row.get(3),
                action: row.get(4),
                rows: row.get(5),
                tests_passed: row.get(6),
                run_id: row.get(7),
                tests_warned: row.get(8),
                warnings: row.get(9),
                changes: changes(row, 10),
            })
            .collect())
    }
}
