//! What became of a transaction whose COMMIT nobody answered: the ledger knows.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, literal};

use super::ledger::Ledger;

/// How long a transaction that lost its client is waited for. The server looks after its clients every second.
const PATIENCE: &str = "30s";

impl Ledger {
    /// Locks the rows of versions for a transaction that is about to change what readers see of them, so that whoever wants
    /// to know how it ended can wait for its end.
    #[must_use]
    pub(super) fn hold_versions_sql(&self, versions: &str) -> String {
        format!(
            "select version_id from assay.versions where published_schema = {} and version_name in ({versions}) \
             order by version_id for update;\n",
            literal(&self.schema)
        )
    }

    /// Whether all these versions are what readers see, once every transaction that is changing that has ended.
    pub async fn is_published(&self, connection: &Connection, versions: &[&Relation]) -> Result<bool, SqlError> {
        let names: Vec<&str> = versions.iter().map(|version| version.identifier.as_str()).collect();
        let rows = settled(
            connection,
            "select state from assay.versions where published_schema = $1 and version_name = any ($2::text[]) \
             order by version_id for update",
            &[&self.schema, &names],
        )
        .await?;
        Ok(rows.len() == names.len() && rows.iter().all(|row| row.get::<_, &str>(0) == "published"))
    }

    /// Whether a published version took in the delta of a run, once every transaction that is changing it has ended.
    pub async fn took_delta(&self, connection: &Connection, version_id: i64, run_id: &str) -> Result<bool, SqlError> {
        settled(
            connection,
            "select from assay.versions where version_id = $1 for update",
            &[&version_id],
        )
        .await?;
        let rows = connection
            .query(
                "select from assay.publications where version_id = $1 and run_id = $2::text::uuid and action = 'delta'",
                &[&version_id, &run_id],
            )
            .await?;
        Ok(!rows.is_empty())
    }
}

/// Rows as they are when nobody else changes them any more; holds nothing afterwards.
async fn settled(
    connection: &Connection,
    query: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, SqlError> {
    connection
        .batch(&format!("begin; set local lock_timeout = '{PATIENCE}'"))
        .await?;
    let rows = connection.query(query, parameters).await;
    connection.rollback().await?;
    rows
}
