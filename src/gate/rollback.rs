//! Points the published views back at the certified versions before; nothing is rebuilt.

use indexmap::IndexMap;

use crate::postgres::Connection;
use crate::sql::Relation;

use super::ledger::Ledger;
use super::publish::{PublicAction, Publication, PublishError, publish};
use super::version::versions_schema;

/// One model that went back.
#[derive(Clone, Debug)]
pub struct RolledBack {
    pub model: String,
    pub from: String,
    pub to: String,
}

/// Puts back the newest retired version of each model in `models`, or, where `models` is empty, of every model that the
/// last publication changed. One transaction; `Ok(vec![])` where there is nothing to go back to.
///
/// A version that took in deltas goes back as it was when it retired: the deltas of the version that replaced it are not
/// in it, and the next incremental run brings them in again.
pub async fn rollback(
    connection: &Connection,
    ledger: &Ledger,
    run_id: &str,
    readers: &[String],
    models: &[String],
) -> Result<Vec<RolledBack>, PublishError> {
    let schema = versions_schema(&ledger.schema);
    let rows = connection
        .query(
            "with last_set as (
               select p.model from assay.publications p
               where p.published_schema = $1 and p.action = 'publish'
                 and p.run_id = (select run_id from assay.publications
                                 where published_schema = $1 and action = 'publish' order by publication_id desc limit 1))
             select distinct on (r.model) r.model, n.version_name, r.version_name
             from assay.versions r
             join assay.versions n on n.published_schema = r.published_schema and n.model = r.model and n.state = 'published'
             where r.published_schema = $1 and r.state = 'retired' and r.version_id < n.version_id
               and exists (select from pg_class c join pg_namespace s on s.oid = c.relnamespace
                           where s.nspname = $2 and c.relname = r.version_name)
               and (r.model = any ($3) or (cardinality($3) = 0 and r.model in (select model from last_set)))
             order by r.model, r.version_id desc",
            &[&ledger.schema, &schema, &models],
        )
        .await?;
    let mut set = Vec::new();
    let mut done = Vec::new();
    for row in &rows {
        let (model, from, to): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        set.push(Publication {
            published: Relation::new(None, &ledger.schema, &model),
            version: Relation::new(None, &schema, &to),
            description: String::new(),
            column_descriptions: IndexMap::new(),
            grants: IndexMap::new(),
        });
        done.push(RolledBack { model, from, to });
    }
    if !set.is_empty() {
        publish(connection, ledger, run_id, readers, PublicAction::Rollback, &set).await?;
    }
    Ok(done)
}
