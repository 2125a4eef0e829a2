//! Finds what killed runs left behind, and versions that are no longer wanted.

use std::collections::HashSet;

use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, ident, literal};

use super::inventory::Stored;
use super::ledger::Ledger;
use super::version::{NAME_BYTES, is_reused, versions_schema};

/// How long a version that somebody is reading is waited for; the next run tries again.
const LOCK_TIMEOUT_MS: u32 = 1_000;

/// How much is kept for a rollback; whatever one of the two keeps stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Certified versions of each model, the published one included.
    pub versions: u32,
    /// What readers saw within so many days.
    pub days: u32,
}

/// What a collection did.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    pub dropped: Vec<String>,
    /// Kept although due, because other relations or sessions read them.
    pub kept: Vec<(String, String)>,
}

/// Drops everything in the schema of versions that is neither published, nor retired and kept for rollback: candidates,
/// stages and failed versions of earlier runs, whether the ledger knows them or not. Only the holder of the run lock
/// may call it.
pub async fn drop_leftovers(connection: &Connection, ledger: &Ledger) -> Result<Collected, SqlError> {
    let due = leftovers(connection, ledger).await?;
    let mut collected = drop_versions(connection, ledger, due).await?;
    for (name, _) in &mut collected.kept {
        make_way(connection, ledger, name).await?;
    }
    Ok(collected)
}

/// Drops what an inventory found to be due, and takes note of versions that somebody else has dropped. Only the holder of
/// the run lock may call it.
pub async fn drop_due(connection: &Connection, ledger: &Ledger, due: &[Stored]) -> Result<Collected, SqlError> {
    let due = due.iter().map(|stored| (stored.version.clone(), stored.kind.clone()));
    let collected = drop_versions(connection, ledger, due.collect()).await?;
    connection
        .query(
            "update assay.versions v set state = 'dropped'
             where v.published_schema = $1 and v.state not in ('published', 'dropped')
               and not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                               where n.nspname = $2 and c.relname = v.version_name)",
            &[&ledger.schema, &versions_schema(&ledger.schema)],
        )
        .await?;
    Ok(collected)
}

/// A candidate or a stage that somebody built a view on cannot be dropped, and the next ones need its name: it gets another,
/// and the view goes on showing what it shows.
async fn make_way(connection: &Connection, ledger: &Ledger, name: &mut String) -> Result<(), SqlError> {
    if !is_reused(name) {
        return Ok(());
    }
    let schema = versions_schema(&ledger.schema);
    let found = connection
        .query(
            "select c.oid::text from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2",
            &[&schema, name],
        )
        .await?;
    let Some(oid) = found.first().map(|row| row.get::<_, String>(0)) else {
        return Ok(());
    };
    let kept = kept_name(name, &oid);
    // Views are renamed in the same words.
    let rename = format!(
        "begin; set local lock_timeout = {LOCK_TIMEOUT_MS}; alter table {} rename to {}; commit;",
        Relation::new(None, &schema, name.as_str()),
        ident(&kept)
    );
    match connection.batch(&rename).await {
        Ok(_) => {
            *name = kept;
            Ok(())
        }
        Err(error) if error.is("55P03") => connection.rollback().await,
        Err(error) => Err(error),
    }
}

/// `m__candidate` becomes `m__candidate_kept_16385`.
fn kept_name(name: &str, oid: &str) -> String {
    let suffix = format!("_kept_{oid}");
    let mut end = name.len().min(NAME_BYTES - suffix.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}

/// What `drop_leftovers` would drop: name and kind of each, readers before what they read.
pub async fn leftovers(connection: &Connection, ledger: &Ledger) -> Result<Vec<(String, String)>, SqlError> {
    let schema = versions_schema(&ledger.schema);
    let rows = connection
        .query(
            "select c.relname::text, c.relkind::text
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relkind in ('r', 'v', 'm', 'p') and not c.relispartition
               and not exists (select from assay.versions v where v.published_schema = $2
                               and v.version_name = c.relname and v.state in ('published', 'retired'))
             order by c.relkind = 'v' desc, c.oid desc",
            &[&schema, &ledger.schema],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Drops retired versions beyond the newest of each model that are kept (the published one is the first) which readers
/// have not seen for the days that are kept.
pub async fn collect(connection: &Connection, ledger: &Ledger, keep: Keep) -> Result<Collected, SqlError> {
    let due = outdated(connection, ledger, keep, &[]).await?;
    drop_versions(connection, ledger, due).await
}

/// What `collect` would drop after the models `renewed` (published names) got a new version each.
pub async fn outdated(
    connection: &Connection,
    ledger: &Ledger,
    keep: Keep,
    renewed: &[&str],
) -> Result<Vec<(String, String)>, SqlError> {
    let schema = versions_schema(&ledger.schema);
    let spare = i64::from(keep.versions.max(1)) - 1;
    let days = i32::try_from(keep.days).unwrap_or(i32::MAX);
    let rows = connection
        .query(
            "select r.version_name, c.relkind::text
             from (select v.version_name, v.version_id, row_number() over (partition by v.model order by v.version_id desc) as age,
                          coalesce((select min(l.published_at) from assay.publications l
                                    where l.published_schema = v.published_schema and l.model = v.model
                                      and l.version_id <> v.version_id
                                      and l.publication_id > (select max(p.publication_id) from assay.publications p
                                                              where p.version_id = v.version_id)),
                                   case when v.state = 'retired' then v.created_at else now() end) as retired_at
                   from assay.versions v where v.published_schema = $1
                     and (v.state = 'retired' or (v.state = 'published' and v.model = any ($4::text[])))) r
             join pg_class c on c.relname = r.version_name
             join pg_namespace n on n.oid = c.relnamespace and n.nspname = $2
             where r.age > $3 and r.retired_at <= now() - make_interval(days => $5)
             order by c.relkind = 'v' desc, r.version_id desc",
            &[&ledger.schema, &schema, &spare, &renewed, &days],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Drops what nothing else reads. A version can be read by one that is dropped after it, so go round until nothing moves.
async fn drop_versions(
    connection: &Connection,
    ledger: &Ledger,
    mut due: Vec<(String, String)>,
) -> Result<Collected, SqlError> {
    let schema = versions_schema(&ledger.schema);
    let mut collected = Collected::default();
    let mut stuck = HashSet::new();
    let mut busy = Vec::new();
    while !due.is_empty() {
        let before = due.len();
        let mut left = Vec::new();
        stuck.clear();
        for (name, kind) in due {
            let relation = Relation::new(None, &schema, &name);
            let what = match kind.as_str() {
                "v" => "view",
                "m" => "materialized view",
                _ => "table",
            };
            // In one transaction: a version that is gone must not count as one to go back to.
            let drop = format!(
                "begin; set local lock_timeout = {LOCK_TIMEOUT_MS}; drop {what} if exists {relation};
                 update assay.versions set state = 'dropped' where published_schema = {} and version_name = {}; commit;",
                literal(&ledger.schema),
                literal(&name)
            );
            let dropped = connection.batch(&drop).await;
            if dropped.is_err() {
                connection.rollback().await?;
            }
            match dropped {
                Ok(_) => collected.dropped.push(name),
                // dependent_objects_still_exist
                Err(error) if error.is("2BP01") => {
                    let reader = error.detail.clone().unwrap_or_default();
                    stuck.insert((name.clone(), reader.lines().next().unwrap_or_default().to_owned()));
                    left.push((name, kind));
                }
                // lock_not_available
                Err(error) if error.is("55P03") => {
                    busy.push((name, "another session is reading it".to_owned()));
                }
                Err(error) => return Err(error),
            }
        }
        if left.len() == before {
            break;
        }
        due = left;
    }
    collected.kept = stuck.into_iter().chain(busy).collect();
    collected.kept.sort();
    Ok(collected)
}
