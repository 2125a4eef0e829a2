//! Takes from readers what is published of models that are public no more.

use std::time::Duration;

use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, literal};

use super::ledger::Ledger;

const LOCK_TIMEOUT_MS: u32 = 700;
const ATTEMPTS: u32 = 20;

/// A published version whose model the project does not publish any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The published name.
    pub model: String,
    pub version: String,
    /// A view shows every delta of what it reads, and none of its tests runs any more.
    pub is_live: bool,
}

/// How a retirement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retired {
    Done,
    /// It stays where it is, because of this.
    Kept(String),
}

/// What this project published once and does not publish now; `models` are the names that it publishes. Other projects that
/// publish into the same schema are left alone.
pub async fn orphans(
    connection: &Connection,
    ledger: &Ledger,
    project: &str,
    models: &[&str],
) -> Result<Vec<Orphan>, SqlError> {
    let rows = connection
        .query(
            "select v.model, v.version_name, v.kind = 'view'
             from assay.versions v join assay.runs r using (run_id)
             where v.published_schema = $1 and v.state = 'published' and r.project = $2 and not v.model = any ($3)
             order by v.model",
            &[&ledger.schema, &project, &models],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Orphan {
            model: row.get(0),
            version: row.get(1),
            is_live: row.get(2),
        })
        .collect())
}

/// Drops the published view and retires its version, in one transaction. The version itself is kept like any that was
/// replaced. Only the holder of the run lock may call it.
pub async fn retire(
    connection: &Connection,
    ledger: &Ledger,
    run_id: &str,
    orphan: &Orphan,
) -> Result<Retired, SqlError> {
    let sql = retire_sql(ledger, run_id, orphan);
    for _ in 0..ATTEMPTS {
        let Err(error) = connection.batch(&sql).await else {
            return Ok(Retired::Done);
        };
        connection.rollback().await?;
        match error.sqlstate.as_deref().unwrap_or_default() {
            // dependent_objects_still_exist
            "2BP01" => {
                let detail = error.detail.unwrap_or_default();
                return Ok(Retired::Kept(detail.replace('\n', "; ")));
            }
            // lock_not_available, deadlock_detected
            "55P03" | "40P01" => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => return Err(error),
        }
    }
    Ok(Retired::Kept("another session is reading it".to_owned()))
}

fn retire_sql(ledger: &Ledger, run_id: &str, orphan: &Orphan) -> String {
    let view = Relation::new(None, &ledger.schema, &orphan.model).to_string();
    let (schema, model) = (literal(&ledger.schema), literal(&orphan.model));
    format!(
        "begin;\nset local lock_timeout = {LOCK_TIMEOUT_MS};\n{}\
         do $assay$ begin if exists (select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace \
         where n.nspname = {schema} and c.relname = {model} and c.relkind = 'v') then execute {}; end if; end $assay$;\n\
         update assay.versions set state = 'retired' where published_schema = {schema} and model = {model} and state = 'published';\n\
         commit;\n",
        ledger.fence_sql(run_id),
        literal(&format!("drop view {view}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_goes_and_the_version_stays() {
        let orphan = Orphan {
            model: "o'neil".into(),
            version: "o__0a_1b".into(),
            is_live: true,
        };
        insta::assert_snapshot!(retire_sql(
            &Ledger::of("analytics"),
            "00000000-0000-0000-0000-000000000001",
            &orphan
        ));
    }
}
