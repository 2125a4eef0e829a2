//! Points the published views back at certified versions of before; nothing is rebuilt.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, nearest};
use crate::postgres::{Connection, SqlError};
use crate::sql::Relation;

use super::ledger::Ledger;
use super::past::Past;
use super::publish::{PublicAction, Publication, PublishError, publish};
use super::version::versions_schema;

/// One model that goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoingBack {
    pub model: String,
    pub from: String,
    pub to: String,
}

/// How far readers are to go back.
#[derive(Clone, Debug, Default)]
pub struct Back {
    /// Published names; all that the last run changed where there is none.
    pub models: Vec<String>,
    /// A run, or the beginning of its id, or a version.
    pub to: Option<String>,
    /// The named models by themselves, whatever was published with them.
    pub only: bool,
}

/// What a version is, as the ledger has it.
struct Version {
    name: String,
    is_view: bool,
    /// Whether readers see it now.
    is_seen: bool,
    /// Whether it is there, and may be seen again.
    stands: bool,
}

/// Which models would go back, and where to. What was published together goes back together, or it is refused.
///
/// A version that took in deltas goes back as it was when it retired: the deltas of the version that replaced it are not
/// in it, and the next incremental run brings them in again.
pub async fn way_back(connection: &Connection, ledger: &Ledger, back: &Back) -> Result<Vec<GoingBack>, Diagnostic> {
    let sql = |error: SqlError| error.diagnostic();
    let mut past = Past::read(connection, ledger).await.map_err(sql)?;
    let versions = versions(connection, ledger).await.map_err(sql)?;
    // What was taken from readers stays away from them.
    past.models.retain(|_, seen| {
        let last = seen.last().and_then(|seen| versions.get(&seen.version_id));
        last.is_some_and(|version| version.is_seen)
    });
    let wanted = wanted(&past, &versions, back)?;
    let alone = back.only && !wanted.is_empty();
    let left = if alone {
        wanted.clone()
    } else {
        past.with_sets(wanted.clone())
    };
    let (mut going, mut stuck) = (Vec::new(), Vec::new());
    let mut views = Vec::new();
    for (model, place) in &left {
        let seen = &past.models[model];
        let name = |place: usize| {
            let version = seen.get(place).and_then(|seen| versions.get(&seen.version_id));
            version.map_or_else(String::new, |version| version.name.clone())
        };
        let Some(before) = place.checked_sub(1) else {
            stuck.push((model, "nothing was published under its name before".to_owned()));
            continue;
        };
        match versions.get(&seen[before].version_id) {
            Some(version) if version.stands => {
                if version.is_view {
                    views.push((model.clone(), version.name.clone(), past.replaced_at(model, before)));
                }
                going.push(GoingBack {
                    model: model.clone(),
                    from: name(seen.len() - 1),
                    to: version.name.clone(),
                });
            }
            _ => stuck.push((model, format!("its version {} is not there any more", name(before)))),
        }
    }
    if !stuck.is_empty() {
        return Err(refusal(&going, &stuck));
    }
    moved_on(connection, ledger, &views).await?;
    going.sort_by(|a, b| a.model.cmp(&b.model));
    Ok(going)
}

/// How much of each model's past is to be left, before anybody looks at what was published with it.
fn wanted(past: &Past, versions: &HashMap<i64, Version>, back: &Back) -> Result<IndexMap<String, usize>, Diagnostic> {
    for model in &back.models {
        if !past.models.contains_key(model) {
            let known = past.models.keys().map(String::as_str);
            let help = nearest(model, known).map_or_else(
                || "`assay history` lists what was published".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("nothing was ever published under the name `{model}`");
            return Err(Diagnostic::error("unknown-model", message).help(help));
        }
    }
    let named = |model: &String| back.models.is_empty() || back.models.contains(model);
    let Some(to) = &back.to else {
        if back.models.is_empty() {
            return Ok(past.before_last_run());
        }
        let last = |model: &String| (model.clone(), past.models[model].len() - 1);
        return Ok(back.models.iter().map(last).collect());
    };
    let version = versions.iter().find(|(_, version)| version.name == *to);
    if let Some((id, _)) = version {
        let place = |(model, seen): (&String, &Vec<super::past::Seen>)| {
            let place = seen.iter().position(|seen| seen.version_id == *id)?;
            Some((model.clone(), place + 1, seen.len()))
        };
        return match past.models.iter().find_map(place) {
            Some((model, _, _)) if !named(&model) => Err(Diagnostic::error(
                "bad-option",
                format!("{to} is a version of `{model}`"),
            )
            .help("name that model, or none")),
            Some((model, place, all)) if place < all => Ok(IndexMap::from([(model, place)])),
            Some((model, _, _)) => Err(Diagnostic::error(
                "nothing-to-roll-back",
                format!("{to} is what readers of `{model}` see now"),
            )),
            None => Err(
                Diagnostic::error("nothing-to-roll-back", format!("{to} cannot be gone back to"))
                    .because("it was never published, or an earlier rollback took it back")
                    .help("build the model as it was then"),
            ),
        };
    }
    // An id that is cut short must still say which run is meant.
    let found = if to.len() >= 8 { past.as_of_run(to) } else { None };
    let Some(mut left) = found else {
        return Err(Diagnostic::error(
            "nothing-to-roll-back",
            format!("`{to}` is no version, and no run that published anything"),
        )
        .help("`assay history` shows versions and runs"));
    };
    left.retain(|model, _| named(model));
    Ok(left)
}

/// Why some models stay, and with them all that was published with them.
fn refusal(going: &[GoingBack], stuck: &[(&String, String)]) -> Diagnostic {
    let reasons: Vec<String> = stuck.iter().map(|(model, why)| format!("`{model}`: {why}")).collect();
    let kept = "`gate.keep` in project.yml says how many versions are kept";
    if going.is_empty() {
        return Diagnostic::error(
            "nothing-to-roll-back",
            "there is no earlier certified version to go back to",
        )
        .because(reasons.join("\n"))
        .help(format!("`assay history` shows what was published; {kept}"));
    }
    let names: Vec<&str> = going.iter().map(|one| one.model.as_str()).collect();
    let others: Vec<String> = stuck.iter().map(|(model, _)| format!("`{model}`")).collect();
    Diagnostic::error(
        "rollback-parts",
        format!("going back would part {} from {}", names.join(", "), others.join(", ")),
    )
    .because(format!("they were published together\n{}", reasons.join("\n")))
    .help(format!("to insist: assay rollback --only {}", names.join(" ")))
}

/// Refuses where a version that is a view would show rows which its tests never saw.
async fn moved_on(connection: &Connection, ledger: &Ledger, views: &[(String, String, i64)]) -> Result<(), Diagnostic> {
    if views.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = views.iter().map(|view| view.1.as_str()).collect();
    let retired: Vec<i64> = views.iter().map(|view| view.2).collect();
    let rows = connection
        .query(
            "with recursive reads (view, retired, oid) as (
               select w.name, w.retired, c.oid
               from unnest($3::text[], $4::bigint[]) as w (name, retired)
               join pg_class c on c.relname = w.name
               join pg_namespace n on n.oid = c.relnamespace and n.nspname = $2
               union
               select reads.view, reads.retired, d.refobjid
               from reads
               join pg_rewrite r on r.ev_class = reads.oid
               join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                               and d.refclassid = 'pg_class'::regclass and d.refobjid <> reads.oid
             )
             select reads.view, min(v.model)
             from reads
             join pg_class c on c.oid = reads.oid
             join pg_namespace n on n.oid = c.relnamespace and n.nspname = $2
             join assay.versions v on v.published_schema = $1 and v.version_name = c.relname
             join assay.publications p on p.version_id = v.version_id and p.action = 'delta'
             where coalesce(p.rows_added, 1) + coalesce(p.rows_changed, 1) + coalesce(p.rows_removed, 1) > 0
               and (extract(epoch from p.published_at) * 1000000)::bigint > reads.retired
             group by reads.view order by reads.view",
            &[&ledger.schema, &versions_schema(&ledger.schema), &names, &retired],
        )
        .await
        .map_err(|error| error.diagnostic())?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (version, parent): (&str, &str) = (row.get(0), row.get(1));
    let model = views
        .iter()
        .find(|view| view.1 == version)
        .map_or(version, |view| view.0.as_str());
    Err(Diagnostic::error(
        "view-moved-on",
        format!("`{model}` cannot go back to {version}: it would show rows that its tests never saw"),
    )
    .because(format!("it is a view, and `{parent}` took in new rows since"))
    .help("put the model's file back as it was, and build it; what is published is audited first"))
}

async fn versions(connection: &Connection, ledger: &Ledger) -> Result<HashMap<i64, Version>, SqlError> {
    let rows = connection
        .query(
            "select v.version_id, v.version_name, v.kind = 'view',
                    v.state = 'retired' and exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                                                    where n.nspname = $2 and c.relname = v.version_name),
                    v.state = 'published'
             from assay.versions v where v.published_schema = $1",
            &[&ledger.schema, &versions_schema(&ledger.schema)],
        )
        .await?;
    let version = |row: &tokio_postgres::Row| Version {
        name: row.get(1),
        is_view: row.get(2),
        stands: row.get(3),
        is_seen: row.get(4),
    };
    Ok(rows.iter().map(|row| (row.get(0), version(row))).collect())
}

/// Goes the way, in one transaction. Comments and privileges stay with the published names.
pub async fn roll_back(
    connection: &Connection,
    ledger: &Ledger,
    run_id: &str,
    readers: &[String],
    way: &[GoingBack],
) -> Result<(), PublishError> {
    let schema = versions_schema(&ledger.schema);
    let mut set = Vec::new();
    for one in way {
        let mut publication = Publication {
            published: Relation::new(None, &ledger.schema, &one.model),
            version: Relation::new(None, &schema, &one.to),
            description: String::new(),
            column_descriptions: IndexMap::new(),
            grants: IndexMap::new(),
            standing_grants: Vec::new(),
            changes: None,
        };
        keep_words(connection, &mut publication).await?;
        set.push(publication);
    }
    publish(connection, ledger, run_id, readers, PublicAction::Rollback, &set).await
}

/// Whether a rollback whose COMMIT nobody answered was made.
pub async fn went_back(connection: &Connection, ledger: &Ledger, way: &[GoingBack]) -> Result<bool, SqlError> {
    let schema = versions_schema(&ledger.schema);
    let relations: Vec<Relation> = way.iter().map(|one| Relation::new(None, &schema, &one.to)).collect();
    ledger
        .is_published(connection, &relations.iter().collect::<Vec<_>>())
        .await
}

/// What people said of a published name and whom they let read it, which would go where the view is made anew.
async fn keep_words(connection: &Connection, publication: &mut Publication) -> Result<(), SqlError> {
    let place: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
        [&publication.published.schema, &publication.published.identifier];
    let rows = connection
        .query(
            "select obj_description(c.oid, 'pg_class'),
                    array(select format('grant %s on %I.%I to %s%s', a.privilege_type, n.nspname, c.relname,
                                        case when a.grantee = 0 then 'public' else quote_ident(g.rolname) end,
                                        case when a.is_grantable then ' with grant option' else '' end)
                          from aclexplode(c.relacl) a left join pg_roles g on g.oid = a.grantee
                          where a.grantee <> c.relowner
                          order by 1)
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relname = $2",
            &place,
        )
        .await?;
    if let Some(row) = rows.first() {
        publication.description = row.get::<_, Option<String>>(0).unwrap_or_default();
        publication.standing_grants = row.get(1);
    }
    let columns = connection
        .query(
            "select a.attname::text, col_description(c.oid, a.attnum)
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             where n.nspname = $1 and c.relname = $2 and col_description(c.oid, a.attnum) is not null",
            &[&publication.published.schema, &publication.published.identifier],
        )
        .await?;
    publication.column_descriptions = columns.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(())
}
