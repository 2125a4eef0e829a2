//! What lies in the schema of versions: what of it is kept, what is not, and why.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use crate::postgres::{Connection, SqlError};

use super::collect::Keep;
use super::ledger::Ledger;
use super::version::versions_schema;

/// Why a relation stays or goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// Readers see it.
    Published,
    /// The `place`th of the `keep` versions of its model.
    Rollback { place: u32, keep: u32 },
    /// Readers saw it less than so many days ago.
    Young { keep_days: u32 },
    /// Due, but something that is not due reads it.
    ReadBy { relations: Vec<String> },
    /// A version that did not pass, of the last run that built its model.
    Failed,
    /// A candidate, a stage, or something else that a run left and no version is.
    Leftover,
    /// Beyond `keep`, and older than `keep_days`.
    Outdated { keep: u32 },
    /// Its model is no longer published, and nothing shows it.
    NoLongerPublished,
}

impl Reason {
    fn keeps(&self) -> bool {
        matches!(
            self,
            Self::Published | Self::Rollback { .. } | Self::Young { .. } | Self::ReadBy { .. }
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published => write!(f, "published"),
            Self::Rollback { place, keep } => write!(f, "kept for rollback ({place} of keep: {keep})"),
            Self::Young { keep_days } => write!(f, "readers saw it less than {keep_days} days ago (keep_days)"),
            Self::ReadBy { relations } => write!(f, "read by {}", relations.join(", ")),
            Self::Failed => write!(f, "failed its audits"),
            Self::Leftover => write!(f, "an earlier run left it"),
            Self::Outdated { keep } => write!(f, "older than the versions that are kept (keep: {keep})"),
            Self::NoLongerPublished => write!(f, "its model is no longer published, and no view shows it"),
        }
    }
}

/// One relation in the schema of versions.
#[derive(Clone, Debug, Serialize)]
pub struct Stored {
    pub version: String,
    /// `None` where the ledger does not know it.
    pub model: Option<String>,
    pub state: Option<String>,
    /// With its indexes and its TOAST table.
    pub bytes: i64,
    pub reason: Reason,
    /// `pg_class.relkind`.
    #[serde(skip)]
    pub(super) kind: String,
    #[serde(skip)]
    readers: Vec<String>,
}

/// All of it, sorted into what stays and what goes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inventory {
    pub drop: Vec<Stored>,
    pub keep: Vec<Stored>,
}

/// Looks at everything there. `published` are the names that the project publishes, `leaving` those that readers are about
/// to lose.
pub async fn inventory(
    connection: &Connection,
    ledger: &Ledger,
    keep: Keep,
    published: &[&str],
    leaving: &[&str],
) -> Result<Inventory, SqlError> {
    let schema = versions_schema(&ledger.schema);
    let rows = connection
        .query(
            "select c.relname::text, c.relkind::text, v.model, v.state, v.place,
                    pg_total_relation_size(c.oid)
                      + coalesce((select sum(pg_total_relation_size(t.relid)) from pg_partition_tree(c.oid) t), 0)::bigint,
                    v.retired_at > now() - make_interval(days => $3),
                    exists (select from pg_class s join pg_namespace sn on sn.oid = s.relnamespace
                            where sn.nspname = $2 and s.relname = v.model),
                    array(select distinct dn.nspname || '.' || dc.relname
                          from (select r.ev_class as reader from pg_depend d join pg_rewrite r on r.oid = d.objid
                                where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
                                  and d.refobjid = c.oid
                                union all
                                select f.conrelid from pg_constraint f where f.contype = 'f' and f.confrelid = c.oid) d
                          join pg_class dc on dc.oid = d.reader join pg_namespace dn on dn.oid = dc.relnamespace
                          where dc.oid <> c.oid order by 1)
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             left join (
               select v.*, row_number() over (partition by v.model, v.state = 'retired' order by v.version_id desc) as place,
                      coalesce((select min(l.published_at) from assay.publications l
                                where l.published_schema = v.published_schema and l.model = v.model
                                  and l.version_id <> v.version_id
                                  and l.publication_id > (select max(p.publication_id) from assay.publications p
                                                          where p.version_id = v.version_id)), v.created_at) as retired_at
               from assay.versions v where v.published_schema = $2) v on v.version_name = c.relname
             where n.nspname = $1 and c.relkind in ('r', 'v', 'm', 'p') and not c.relispartition
             order by c.relkind = 'v' desc, v.version_id desc nulls first, c.oid desc",
            &[&schema, &ledger.schema, &i32::try_from(keep.days).unwrap_or(i32::MAX)],
        )
        .await?;
    let lost: Vec<String> = leaving
        .iter()
        .map(|model| format!("{}.{model}", ledger.schema))
        .collect();
    let mut all: Vec<Stored> = rows
        .iter()
        .map(|row| {
            let model: Option<String> = row.get(2);
            let state: Option<String> = row.get(3);
            let place = row.get::<_, Option<i64>>(4).and_then(|place| u32::try_from(place).ok());
            let is_one = |of: &[&str]| model.as_deref().is_some_and(|model| of.contains(&model));
            let is_shown = row.get::<_, bool>(7) && !is_one(leaving);
            let seen = Seen {
                place: place.unwrap_or(u32::MAX),
                young: row.get::<_, Option<bool>>(6).unwrap_or_default(),
                gone: !is_one(published) && !is_shown,
            };
            let mut readers: Vec<String> = row.get(8);
            readers.retain(|reader| !lost.contains(reader));
            Stored {
                version: row.get(0),
                kind: row.get(1),
                reason: reason(state.as_deref(), seen, keep),
                model,
                state,
                bytes: row.get(5),
                readers,
            }
        })
        .collect();
    stay_for_readers(&mut all, &schema);
    let (keep, drop) = all.into_iter().partition(|stored| stored.reason.keeps());
    Ok(Inventory { drop, keep })
}

#[derive(Clone, Copy)]
struct Seen {
    /// Among the retired versions of its model, newest first.
    place: u32,
    young: bool,
    /// The project does not publish the model, and the published schema does not show it.
    gone: bool,
}

fn reason(state: Option<&str>, seen: Seen, keep: Keep) -> Reason {
    match state {
        Some("published" | "retired") if seen.gone && seen.young => Reason::Young { keep_days: keep.days },
        Some("published" | "retired") if seen.gone => Reason::NoLongerPublished,
        Some("published") => Reason::Published,
        // The published version is the first that is kept.
        Some("retired") if seen.place < keep.versions => Reason::Rollback {
            place: seen.place + 1,
            keep: keep.versions,
        },
        Some("retired") if seen.young => Reason::Young { keep_days: keep.days },
        Some("retired") => Reason::Outdated { keep: keep.versions },
        Some("failed") => Reason::Failed,
        _ => Reason::Leftover,
    }
}

/// What something reads that stays must stay, and so on until nothing changes.
fn stay_for_readers(all: &mut [Stored], schema: &str) {
    loop {
        let due: HashSet<String> = all
            .iter()
            .filter(|stored| !stored.reason.keeps())
            .map(|stored| format!("{schema}.{}", stored.version))
            .collect();
        let mut changed = false;
        for stored in all.iter_mut().filter(|stored| !stored.reason.keeps()) {
            let mut relations = stored.readers.clone();
            relations.retain(|reader| !due.contains(reader));
            if !relations.is_empty() {
                stored.reason = Reason::ReadBy { relations };
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Keep = Keep { versions: 3, days: 7 };

    fn retired(place: u32, young: bool) -> Reason {
        let seen = Seen {
            place,
            young,
            gone: false,
        };
        reason(Some("retired"), seen, KEEP)
    }

    #[test]
    fn number_and_age_are_both_lower_bounds() {
        assert_eq!(retired(2, false), Reason::Rollback { place: 3, keep: 3 });
        assert_eq!(retired(3, true), Reason::Young { keep_days: 7 });
        assert_eq!(retired(3, false), Reason::Outdated { keep: 3 });
    }

    #[test]
    fn what_is_read_by_what_stays_stays() {
        let stored = |version: &str, readers: &[&str]| Stored {
            version: version.into(),
            model: None,
            state: None,
            bytes: 0,
            reason: Reason::Leftover,
            kind: "r".into(),
            readers: readers.iter().map(ToString::to_string).collect(),
        };
        let mut all = [
            stored("a", &["v.b"]),
            stored("b", &["v.c"]),
            stored("c", &["public.mine"]),
            stored("d", &["v.e"]),
            stored("e", &[]),
        ];
        stay_for_readers(&mut all, "v");
        let kept: Vec<bool> = all.iter().map(|stored| stored.reason.keeps()).collect();
        assert_eq!(kept, [true, true, true, false, false]);
        assert_eq!(all[0].reason.to_string(), "read by v.b");
    }
}
