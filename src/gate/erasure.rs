//! Takes the rows of a person out of everything that is kept, in one transaction. No statement holds the person's key: it
//! travels as a parameter into a temporary table, and the others read that.

use serde::Serialize;
use serde_json::Value as Json;

use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, bare_name, ident, literal};

use super::ledger::Ledger;
use super::version::versions_schema;

/// The temporary table of keys.
const SUBJECTS: &str = "pg_temp.assay_subjects";

/// How long a session that holds a table is waited for.
const LOCK_TIMEOUT: &str = "10s";

const DDL: &str = "create table if not exists assay.erasures (
  erasure_id bigint generated always as identity primary key,
  published_schema text not null,
  run_id uuid not null references assay.runs,
  erased_at timestamptz not null default clock_timestamp(),
  erased_by text not null default session_user,
  -- The name of each key with a hash of its value, never the value.
  subjects jsonb not null,
  relations jsonb not null,
  not_covered jsonb not null,
  with_sources boolean not null
);";

/// What a column is compared with.
#[derive(Clone, Debug)]
pub enum Match {
    /// The key itself.
    Plain,
    /// An expression of `s.value`, the key.
    Made(String),
    /// Values of another column, of rows of the person: the number of the lookup.
    Looked(usize),
}

/// A column that tells whose row it is.
#[derive(Clone, Debug)]
pub struct Telling {
    pub column: String,
    pub quoted: bool,
    pub key: String,
    pub by: Match,
}

/// A model (seed, snapshot, source) that tells whose its rows are.
#[derive(Clone, Debug)]
pub struct Covered {
    pub node_id: String,
    pub tellings: Vec<Telling>,
    pub relations: Vec<Relation>,
    pub is_source: bool,
}

/// What is read before anything is deleted: values of a column, of rows of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    pub node_id: String,
    pub column: String,
    pub key: String,
}

/// Everything that an erasure does.
#[derive(Clone, Debug, Default)]
pub struct Erasure {
    pub covered: Vec<Covered>,
    pub lookups: Vec<Lookup>,
    /// Tables that are emptied: failing rows of tests, kept for people to look at.
    pub emptied: Vec<Relation>,
    /// Materialized views, in the order in which they are filled again.
    pub refreshed: Vec<Relation>,
    /// What is made of the person's rows and does not tell: model and why.
    pub not_covered: Vec<(String, String)>,
    /// Sources that do not exist, in which nobody has rows.
    pub absent: Vec<Relation>,
    pub with_sources: bool,
}

/// What became of one relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erased {
    pub relation: String,
    pub rows: u64,
    /// `deleted`, `emptied`, `refreshed`, or `left` for a source that was only counted.
    pub what: &'static str,
}

/// Tables there are in some schemas: schema, name, columns as they are stored, kind, and the model whose version it is.
#[derive(Clone, Debug)]
pub struct StoredTable {
    pub relation: Relation,
    pub is_view: bool,
    pub columns: Vec<String>,
    pub model: Option<String>,
}

/// Tables and materialized views in the schemas named.
pub async fn stored_tables(
    connection: &Connection,
    ledger: &Ledger,
    schemas: &[String],
) -> Result<Vec<StoredTable>, SqlError> {
    let there = ledger.format(connection).await?.is_some();
    let model = if there {
        "(select v.model from assay.versions v where v.published_schema = $2 and v.version_name = c.relname and n.nspname = $3)"
    } else {
        "case when $2 = $3 then '' end"
    };
    let sql = format!(
        "select n.nspname::text, c.relname::text, c.relkind = 'm', {model},
                array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = any ($1) and c.relkind in ('r', 'p', 'm') and not c.relispartition
         order by 1, 2"
    );
    let versions = versions_schema(&ledger.schema);
    let rows = connection.query(&sql, &[&schemas, &ledger.schema, &versions]).await?;
    Ok(rows
        .iter()
        .map(|row| StoredTable {
            relation: Relation::new(None, row.get::<_, String>(0), row.get::<_, String>(1)),
            is_view: row.get(2),
            model: row.get(3),
            columns: row.get(4),
        })
        .collect())
}

/// Those of the relations that do not exist, of whatever kind. Another database cannot be looked into, so what is there stays
/// out of it.
pub async fn absent_of(connection: &Connection, relations: &[&Relation]) -> Result<Vec<Relation>, SqlError> {
    let databases: Vec<Option<&str>> = relations.iter().map(|one| one.database.as_deref()).collect();
    let schemas: Vec<String> = relations.iter().map(|one| one.stored_schema().into_owned()).collect();
    let names: Vec<String> = relations
        .iter()
        .map(|one| one.stored_identifier().into_owned())
        .collect();
    let sql = "select w.place - 1
               from unnest($1::text[], $2::text[], $3::text[]) with ordinality as w(database, schema, name, place)
               where coalesce(w.database, current_database()) = current_database()
                 and not exists (
                   select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where n.nspname = w.schema and c.relname = w.name
                 )
               order by 1";
    let rows = connection.query(sql, &[&databases, &schemas, &names]).await?;
    let places = rows.iter().map(|row| row.get::<_, i64>(0));
    Ok(places
        .filter_map(|place| relations.get(usize::try_from(place).ok()?))
        .map(|one| (*one).clone())
        .collect())
}

impl Telling {
    /// The column as the catalog has it.
    #[must_use]
    pub fn stored(&self) -> String {
        if self.quoted {
            self.column.clone()
        } else {
            bare_name(&self.column)
        }
    }

    /// Whether a table has the column.
    #[must_use]
    pub fn is_in(&self, table: &StoredTable) -> bool {
        table.columns.contains(&self.stored())
    }

    fn condition(&self) -> String {
        let column = ident(&self.stored());
        let key = literal(&self.key);
        match &self.by {
            Match::Plain => format!("t.{column}::text in (select s.value from {SUBJECTS} as s where s.key = {key})"),
            Match::Made(expression) => {
                format!("t.{column}::text in (select {expression} from {SUBJECTS} as s where s.key = {key})")
            }
            Match::Looked(number) => format!("t.{column}::text in (select l.value from {} as l)", lookup(*number)),
        }
    }
}

fn lookup(number: usize) -> String {
    format!("pg_temp.assay_lookup_{number}")
}

impl Covered {
    fn condition(&self) -> String {
        let each: Vec<String> = self.tellings.iter().map(Telling::condition).collect();
        each.join("\n   or ")
    }

    fn delete_sql(&self, relation: &Relation) -> String {
        format!("delete from {relation} as t\nwhere {}", self.condition())
    }

    fn count_sql(&self, relation: &Relation) -> String {
        format!("select count(*) from {relation} as t\nwhere {}", self.condition())
    }
}

impl Erasure {
    /// The statement that keeps what a lookup finds.
    fn lookup_sql(&self, number: usize) -> String {
        let wanted = &self.lookups[number];
        let read = self.covered.iter().filter(|covered| covered.node_id == wanted.node_id);
        let parts: Vec<String> = read
            .flat_map(|covered| {
                let direct = covered.tellings.iter().filter(|telling| telling.key == wanted.key);
                let direct: Vec<String> = direct
                    .filter(|telling| !matches!(telling.by, Match::Looked(_)))
                    .map(Telling::condition)
                    .collect();
                let column = ident(&bare_name(&wanted.column));
                covered.relations.iter().map(move |relation| {
                    format!(
                        "select t.{column}::text as value from {relation} as t where {}",
                        direct.join(" or ")
                    )
                })
            })
            .collect();
        let query = if parts.is_empty() {
            "select null::text as value where false".to_owned()
        } else {
            parts.join("\nunion\n")
        };
        format!(
            "create temp table {} on commit drop as\n{query}",
            ident(&format!("assay_lookup_{number}"))
        )
    }
}

/// Does it, or with `only_count` tells what it would do and leaves everything as it is. `subjects` are names of keys with
/// values.
pub async fn erase(
    connection: &Connection,
    ledger: &Ledger,
    run_id: &str,
    erasure: &Erasure,
    subjects: &[(String, String)],
    only_count: bool,
) -> Result<Vec<Erased>, SqlError> {
    connection.begin().await?;
    let done = erase_within(connection, ledger, run_id, erasure, subjects, only_count).await;
    let ended = match (&done, only_count) {
        (Ok(_), false) => connection.commit().await,
        _ => connection.rollback().await,
    };
    let done = done?;
    ended?;
    Ok(done)
}

async fn erase_within(
    connection: &Connection,
    ledger: &Ledger,
    run_id: &str,
    erasure: &Erasure,
    subjects: &[(String, String)],
    only_count: bool,
) -> Result<Vec<Erased>, SqlError> {
    let fence = if only_count {
        String::new()
    } else {
        ledger.fence_sql(run_id)
    };
    connection
        .batch(&format!(
            "set local lock_timeout = '{LOCK_TIMEOUT}';\n{fence}\
             create temp table assay_subjects (key text not null, value text not null) on commit drop;"
        ))
        .await?;
    let (keys, values): (Vec<&str>, Vec<&str>) = subjects
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .unzip();
    let fill = format!("insert into {SUBJECTS} select * from unnest($1::text[], $2::text[])");
    connection.execute(&fill, &[&keys, &values]).await?;
    for number in 0..erasure.lookups.len() {
        connection.batch(&erasure.lookup_sql(number)).await?;
    }
    let mut done = Vec::new();
    let count = async |sql: &str| {
        let rows = connection.query(sql, &[]).await?;
        let counted = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        Ok::<_, SqlError>(u64::try_from(counted).unwrap_or_default())
    };
    for covered in &erasure.covered {
        for relation in &covered.relations {
            let stays = covered.is_source && !erasure.with_sources;
            let rows = if only_count || stays {
                count(&covered.count_sql(relation)).await?
            } else {
                connection.execute(&covered.delete_sql(relation), &[]).await?
            };
            done.push(Erased {
                relation: relation.plain(),
                rows,
                what: if stays { "left" } else { "deleted" },
            });
            if rows > 0 && !only_count && relation.schema == versions_schema(&ledger.schema) {
                correct_rows(connection, ledger, relation, rows).await?;
            }
        }
    }
    for relation in &erasure.emptied {
        let rows = if only_count {
            count(&format!("select count(*) from {relation}")).await?
        } else {
            connection.execute(&format!("delete from {relation}"), &[]).await?
        };
        done.push(Erased {
            relation: relation.plain(),
            rows,
            what: "emptied",
        });
    }
    for relation in &erasure.refreshed {
        if !only_count {
            connection
                .batch(&format!("refresh materialized view {relation}"))
                .await?;
        }
        done.push(Erased {
            relation: relation.plain(),
            rows: 0,
            what: "refreshed",
        });
    }
    if !only_count {
        record(connection, ledger, run_id, erasure, subjects, &done).await?;
        vouch_no_more(connection, ledger).await?;
    }
    Ok(done)
}

/// The next audits look at everything: rows that others point to may be gone, which no delta knows of.
async fn vouch_no_more(connection: &Connection, ledger: &Ledger) -> Result<(), SqlError> {
    connection
        .execute(
            "update assay.certificates c
             set tests = (select coalesce(jsonb_agg(t - 'definition'), '[]') from jsonb_array_elements(c.tests) t)
             from assay.versions v
             where v.version_id = c.version_id and v.published_schema = $1 and v.state in ('published', 'retired')",
            &[&ledger.schema],
        )
        .await
        .map(drop)
}

async fn correct_rows(connection: &Connection, ledger: &Ledger, version: &Relation, rows: u64) -> Result<(), SqlError> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    connection
        .execute(
            "update assay.versions set rows = greatest(rows - $3, 0) where published_schema = $1 and version_name = $2",
            &[&ledger.schema, &version.identifier, &rows],
        )
        .await
        .map(drop)
}

async fn record(
    connection: &Connection,
    ledger: &Ledger,
    run_id: &str,
    erasure: &Erasure,
    subjects: &[(String, String)],
    done: &[Erased],
) -> Result<(), SqlError> {
    let hashed: Vec<Json> = subjects
        .iter()
        .map(|(key, value)| serde_json::json!({"key": key, "sha256": subject_hash(run_id, key, value)}))
        .collect();
    let not_covered: Vec<Json> = erasure
        .not_covered
        .iter()
        .map(|(name, why)| serde_json::json!({"relation": name, "why": why}))
        .collect();
    connection.batch(DDL).await?;
    connection
        .execute(
            "insert into assay.erasures (published_schema, run_id, subjects, relations, not_covered, with_sources)
             values ($1, $2::text::uuid, $3, $4, $5, $6)",
            &[
                &ledger.schema,
                &run_id,
                &Json::from(hashed),
                &serde_json::to_value(done).unwrap_or_default(),
                &Json::from(not_covered),
                &erasure.with_sources,
            ],
        )
        .await
        .map(drop)
}

/// SHA-256 of `run:key:value`. Whoever knows the value can prove that it was erased; without it the record says nothing, and
/// two records of one person do not look alike.
#[must_use]
pub fn subject_hash(run_id: &str, key: &str, value: &str) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write as _;
    let hash = Sha256::digest(format!("{run_id}:{key}:{value}").as_bytes());
    hash.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_hold_names_and_never_a_key() {
        let telling = |column: &str, by: Match| Telling {
            column: column.into(),
            quoted: false,
            key: "user_id".into(),
            by,
        };
        let sessions = Covered {
            node_id: "model.it.sessions".into(),
            tellings: vec![telling("User_Key", Match::Made("md5(s.value)".into()))],
            relations: vec![
                Relation::new(None, "v", "sessions__1"),
                Relation::new(None, "v", "sessions__2"),
            ],
            is_source: false,
        };
        let turns = Covered {
            node_id: "model.it.turns".into(),
            tellings: vec![telling("session_id", Match::Looked(0)), telling("caller", Match::Plain)],
            relations: vec![Relation::new(None, "dev", "turns")],
            is_source: false,
        };
        let erasure = Erasure {
            covered: vec![turns, sessions],
            lookups: vec![Lookup {
                node_id: "model.it.sessions".into(),
                column: "session_id".into(),
                key: "user_id".into(),
            }],
            ..Erasure::default()
        };
        let turns = &erasure.covered[0];
        insta::assert_snapshot!(
            [erasure.lookup_sql(0), turns.delete_sql(&turns.relations[0]), turns.count_sql(&turns.relations[0])].join(";\n\n"),
            @r#"
            create temp table "assay_lookup_0" on commit drop as
            select t."session_id"::text as value from "v"."sessions__1" as t where t."user_key"::text in (select md5(s.value) from pg_temp.assay_subjects as s where s.key = 'user_id')
            union
            select t."session_id"::text as value from "v"."sessions__2" as t where t."user_key"::text in (select md5(s.value) from pg_temp.assay_subjects as s where s.key = 'user_id');

            delete from "dev"."turns" as t
            where t."session_id"::text in (select l.value from pg_temp.assay_lookup_0 as l)
               or t."caller"::text in (select s.value from pg_temp.assay_subjects as s where s.key = 'user_id');

            select count(*) from "dev"."turns" as t
            where t."session_id"::text in (select l.value from pg_temp.assay_lookup_0 as l)
               or t."caller"::text in (select s.value from pg_temp.assay_subjects as s where s.key = 'user_id')
            "#
        );
    }

    #[test]
    fn a_hash_is_of_run_key_and_value() {
        // printf 'r:user_id:u1' | sha256sum
        assert_eq!(&subject_hash("r", "user_id", "u1")[..8], "f6a55bbc");
    }
}
