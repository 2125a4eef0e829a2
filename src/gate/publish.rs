//! Makes certified versions what readers see, all of a set in one transaction.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use indexmap::IndexMap;

use crate::postgres::{Connection, Dependent, SqlError, dependents};
use crate::sql::{Column, Relation, ident, literal};

use super::ledger::{Changes, Ledger};
use super::readers::grant_readers;
use super::version::versions_schema;

/// How long one attempt waits in all for readers to let go of views; readers that come later wait behind it. Less than
/// PostgreSQL's `deadlock_timeout` of a second: where a reader's transaction already holds one view and asks for another,
/// the publication gives way before the server looks for a victim and finds the reader.
const LOCK_BUDGET_MS: usize = 700;
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(100);

/// Why readers see other versions, for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicAction {
    Publish,
    Rollback,
}

/// One member of a publish set.
#[derive(Clone, Debug)]
pub struct Publication {
    pub published: Relation,
    pub version: Relation,
    pub description: String,
    /// Column name to description, where there is one.
    pub column_descriptions: IndexMap<String, String>,
    /// Privilege to grantees, from the model's `grants`.
    pub grants: IndexMap<String, Vec<String>>,
    /// Complete GRANT statements for what others were granted by hand.
    pub standing_grants: Vec<String>,
    /// How its rows differ from what readers saw before, where that was counted.
    pub changes: Option<Changes>,
}

#[derive(Debug)]
pub enum PublishError {
    Sql(SqlError),
    /// Something that Assay did not make stands where a view should be.
    Occupied {
        relation: Relation,
        kind: String,
    },
    /// Relations that read a published view and cannot be carried over to its new columns.
    Dependents {
        relation: Relation,
        dependents: Vec<String>,
        cause: String,
    },
    /// Readers held their locks through every attempt.
    Busy {
        relation: String,
    },
}

impl From<SqlError> for PublishError {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

/// What the catalogue says about the two ends of a publication.
#[derive(Debug, Default)]
struct Shape {
    kind: Option<String>,
    old: Vec<Column>,
    new: Vec<Column>,
}

impl Shape {
    /// `CREATE OR REPLACE VIEW` keeps columns, their order and their types, and may add some at the end.
    fn replaceable(&self) -> bool {
        self.kind.is_none() || (self.old.len() <= self.new.len() && self.old.iter().zip(&self.new).all(|(a, b)| a == b))
    }
}

/// Points the published views of a set at their new versions and writes the ledger, in one transaction.
pub async fn publish(
    connection: &Connection,
    ledger: &Ledger,
    run_id: &str,
    readers: &[String],
    action: PublicAction,
    set: &[Publication],
) -> Result<(), PublishError> {
    // Always in the same order, so that two publications never wait for each other.
    let mut set: Vec<&Publication> = set.iter().collect();
    set.sort_by(|a, b| a.published.identifier.cmp(&b.published.identifier));
    let shapes = shapes(connection, &set).await?;
    for member in &set {
        if let Some(kind) = shapes[&member.published.identifier]
            .kind
            .as_deref()
            .filter(|kind| *kind != "v")
        {
            return Err(PublishError::Occupied {
                relation: member.published.clone(),
                kind: kind_name(kind).to_owned(),
            });
        }
    }
    if let Some(relation) = strangers(connection, ledger, &set).await? {
        let kind = "view".to_owned();
        return Err(PublishError::Occupied { relation, kind });
    }
    let remade: Vec<Relation> = set
        .iter()
        .filter(|member| !shapes[&member.published.identifier].replaceable())
        .map(|member| member.published.clone())
        .collect();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut hanging = dependents(connection, &remade).await?;
        // A member of the set is remade in any case.
        hanging.retain(|d| !set.iter().any(|member| member.published == d.relation));
        if let Some(stuck) = hanging.iter().find(|d| d.kind != "view") {
            return Err(PublishError::Dependents {
                relation: remade[0].clone(),
                dependents: vec![stuck.relation.plain()],
                cause: format!("it is a {}, which cannot be made again without its rows", stuck.kind),
            });
        }
        let sql = publish_sql(ledger, run_id, readers, action, &set, &shapes, &hanging);
        let Err(error) = connection.batch(&sql).await else {
            return Ok(());
        };
        if error.lost {
            // Whether it is done the ledger knows; see `Ledger::is_published`.
            return Err(error.into());
        }
        connection.batch("rollback").await?;
        match error.sqlstate.as_deref().unwrap_or_default() {
            // lock_not_available, deadlock_detected
            "55P03" | "40P01" if attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
            // dependent_objects_still_exist: a view that somebody made on one of the set meanwhile
            "2BP01" if attempt < ATTEMPTS && error.passing().is_some() => tokio::time::sleep(PAUSE).await,
            "55P03" | "40P01" => {
                return Err(PublishError::Busy {
                    relation: set.first().map_or_else(String::new, |m| m.published.plain()),
                });
            }
            _ if !hanging.is_empty() => {
                return Err(PublishError::Dependents {
                    relation: remade[0].clone(),
                    dependents: hanging.iter().map(|d| d.relation.plain()).collect(),
                    cause: error.to_string(),
                });
            }
            _ => return Err(error.into()),
        }
    }
}

fn publish_sql(
    ledger: &Ledger,
    run_id: &str,
    readers: &[String],
    action: PublicAction,
    set: &[&Publication],
    shapes: &HashMap<String, Shape>,
    hanging: &[Dependent],
) -> String {
    let names = |pick: fn(&Publication) -> &str| set.iter().map(|m| literal(pick(m))).collect::<Vec<_>>().join(", ");
    let versions = names(|m| &m.version.identifier);
    let mut sql = format!(
        "begin;\nselect pg_advisory_xact_lock(hashtextextended({}, 0));\nset local lock_timeout = {};\n{}{}",
        literal(&format!("assay publish {}", ledger.schema)),
        (LOCK_BUDGET_MS / (2 * set.len() + hanging.len()).max(1)).max(5),
        ledger.fence_sql(run_id),
        ledger.hold_versions_sql(&versions)
    );
    for dependent in hanging.iter().rev() {
        sql.push_str(&dependent.drop_sql());
    }
    for member in set {
        let shape = &shapes[&member.published.identifier];
        if !shape.replaceable() {
            let _ = writeln!(sql, "drop view {};", member.published);
        }
    }
    for member in set {
        member.view_sql(&shapes[&member.published.identifier].new, readers, &mut sql);
        // Going back changes rows only.
        if action == PublicAction::Publish {
            member.strip_sql(readers, &mut sql);
            member.grant_sql(&mut sql);
        }
        for grant in &member.standing_grants {
            sql.push_str(grant);
            sql.push_str(";\n");
        }
    }
    for dependent in hanging {
        sql.push_str(&dependent.restore_sql());
    }
    let schema = literal(&ledger.schema);
    let models = names(|m| &m.published.identifier);
    let mut counts: Vec<String> = vec!["(null, null::bigint, null::bigint, null::bigint)".to_owned()];
    counts.extend(set.iter().filter_map(|m| {
        let Changes {
            added,
            changed,
            removed,
        } = m.changes?;
        Some(format!(
            "({}, {added}, {changed}, {removed})",
            literal(&m.version.identifier)
        ))
    }));
    let _ = write!(
        sql,
        "update assay.versions set state = 'retired' where published_schema = {schema} and state = 'published' and model in ({models});\n\
         update assay.versions set state = 'published' where published_schema = {schema} and version_name in ({versions});\n\
         insert into assay.publications (published_schema, model, version_id, run_id, action, rows_added, rows_changed, rows_removed, published_at)\n\
         select published_schema, model, version_id, {run}::uuid, '{action}', added, changed, removed, (select clock_timestamp()) from assay.versions\n\
         left join (values {counts}) as c (version_name, added, changed, removed) using (version_name)\n\
         where published_schema = {schema} and version_name in ({versions}) order by model;\ncommit;",
        counts = counts.join(", "),
        run = literal(run_id),
        action = match action {
            PublicAction::Publish => "publish",
            PublicAction::Rollback => "rollback",
        },
    );
    sql
}

impl Publication {
    fn view_sql(&self, columns: &[Column], readers: &[String], sql: &mut String) {
        let list: Vec<String> = columns.iter().map(|c| ident(&c.name)).collect();
        let name = self.published.to_string();
        let _ = writeln!(
            sql,
            "create or replace view {name} as select {} from {};",
            list.join(", "),
            self.version
        );
        sql.push_str(&grant_readers(&name, readers));
        if !self.description.is_empty() {
            let _ = writeln!(sql, "comment on view {name} is {};", literal(&self.description));
        }
        for column in columns {
            if let Some(description) = self.column_descriptions.get(&column.name) {
                let _ = writeln!(
                    sql,
                    "comment on column {name}.{} is {};",
                    ident(&column.name),
                    literal(description)
                );
            }
        }
    }
}

/// A view with the name of a member that neither the ledger published nor shows a version.
async fn strangers(
    connection: &Connection,
    ledger: &Ledger,
    set: &[&Publication],
) -> Result<Option<Relation>, SqlError> {
    let names: Vec<&str> = set.iter().map(|member| member.published.identifier.as_str()).collect();
    let rows = connection
        .query(
            "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relname = any ($2::text[]) and c.relkind = 'v'
               and not exists (select from assay.publications p where p.published_schema = $1 and p.model = c.relname)
               and not exists (select from pg_rewrite r
                               join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                                               and d.refclassid = 'pg_class'::regclass
                               join pg_class t on t.oid = d.refobjid
                               join pg_namespace s on s.oid = t.relnamespace
                               where r.ev_class = c.oid and s.nspname = $3)
             limit 1",
            &[&ledger.schema, &names, &versions_schema(&ledger.schema)],
        )
        .await?;
    Ok(rows
        .first()
        .map(|row| Relation::new(None, &ledger.schema, row.get::<_, String>(0))))
}

async fn shapes(connection: &Connection, set: &[&Publication]) -> Result<HashMap<String, Shape>, SqlError> {
    let mut shapes: HashMap<String, Shape> = HashMap::new();
    let mut places: HashMap<(String, String), (String, bool)> = HashMap::new();
    let (mut schemas, mut names) = (Vec::new(), Vec::new());
    for member in set {
        let key = member.published.identifier.clone();
        shapes.insert(key.clone(), Shape::default());
        for (relation, new) in [(&member.published, false), (&member.version, true)] {
            schemas.push(relation.schema.clone());
            names.push(relation.identifier.clone());
            places.insert(
                (relation.schema.clone(), relation.identifier.clone()),
                (key.clone(), new),
            );
        }
    }
    let rows = connection
        .query(
            "select n.nspname::text, c.relname::text, c.relkind::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
             from unnest($1::text[], $2::text[]) as w (schema, name)
             join pg_namespace n on n.nspname = w.schema
             join pg_class c on c.relnamespace = n.oid and c.relname = w.name
             left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             order by 1, 2, a.attnum",
            &[&schemas, &names],
        )
        .await?;
    for row in &rows {
        let Some((key, new)) = places.get(&(row.get(0), row.get(1))) else {
            continue;
        };
        let Some(shape) = shapes.get_mut(key) else { continue };
        if !new {
            shape.kind = Some(row.get(2));
        }
        if let Some(name) = row.get::<_, Option<String>>(3) {
            let column = Column {
                name,
                data_type: row.get(4),
            };
            if *new { &mut shape.new } else { &mut shape.old }.push(column);
        }
    }
    Ok(shapes)
}

fn kind_name(relkind: &str) -> &'static str {
    match relkind {
        "r" | "p" => "table",
        "m" => "materialized view",
        "f" => "foreign table",
        "S" => "sequence",
        _ => "relation of another kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, data_type: &str) -> Column {
        Column {
            name: name.into(),
            data_type: data_type.into(),
        }
    }

    #[test]
    fn columns_may_be_added_at_the_end_only() {
        let shape = |old: &[Column], new: &[Column]| Shape {
            kind: Some("v".into()),
            old: old.to_vec(),
            new: new.to_vec(),
        };
        let (a, b, b2) = (column("a", "integer"), column("b", "text"), column("b", "integer"));
        assert!(shape(std::slice::from_ref(&a), &[a.clone(), b.clone()]).replaceable());
        assert!(!shape(&[a.clone(), b.clone()], std::slice::from_ref(&a)).replaceable());
        assert!(!shape(&[a.clone(), b.clone()], &[a.clone(), b2]).replaceable());
        assert!(!shape(&[a.clone(), b.clone()], &[b, a]).replaceable());
    }

    #[test]
    fn the_whole_transaction() {
        let member = Publication {
            published: Relation::new(None, "analytics", "fact"),
            version: Relation::new(None, "analytics__versions", "fact__0a_1b"),
            description: "One row a session; it's certified.".into(),
            column_descriptions: IndexMap::from([("id".into(), "Key".into())]),
            grants: IndexMap::from([("select".into(), vec!["analyst".into()])]),
            standing_grants: Vec::new(),
            changes: Some(Changes {
                added: 3,
                changed: 2,
                removed: 1,
            }),
        };
        let shapes = HashMap::from([(
            "fact".to_owned(),
            Shape {
                kind: Some("v".into()),
                old: vec![column("id", "text"), column("gone", "text")],
                new: vec![column("id", "text")],
            },
        )]);
        insta::assert_snapshot!(publish_sql(
            &Ledger::of("analytics"),
            "00000000-0000-0000-0000-000000000001",
            &["metabase".into()],
            PublicAction::Publish,
            &[&member],
            &shapes,
            &[]
        ));
    }
}
