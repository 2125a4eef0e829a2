//! Versions of a published model that are still there.

use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, RelationKind};

use super::ledger::Ledger;
use super::version::versions_schema;

/// A version that can be read.
#[derive(Clone, Debug)]
pub struct Kept {
    pub relation: Relation,
    /// As the ledger has it: `published`, `retired`, `failed`...
    pub state: String,
}

impl Ledger {
    /// The versions of a published name whose relation is there, newest first.
    pub async fn kept(&self, connection: &Connection, model: &str) -> Result<Vec<Kept>, SqlError> {
        let schema = versions_schema(&self.schema);
        let rows = connection
            .query(
                "select v.version_name, v.state, v.kind from assay.versions v
                 where v.published_schema = $1 and v.model = $2
                   and exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                               where n.nspname = $3 and c.relname = v.version_name)
                 order by v.version_id desc",
                &[&self.schema, &model, &schema],
            )
            .await?;
        let kept = |row: &tokio_postgres::Row| {
            let kind = if row.get::<_, &str>(2) == "view" {
                RelationKind::View
            } else {
                RelationKind::Table
            };
            Kept {
                relation: Relation::new(None, &schema, row.get::<_, String>(0)).of_kind(kind),
                state: row.get(1),
            }
        };
        Ok(rows.iter().map(kept).collect())
    }
}
