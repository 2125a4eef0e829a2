//! What reader roles can reach that they should not, and what closes it.

use std::collections::BTreeSet;

use crate::postgres::{Connection, SqlError};
use crate::sql::ident;

use super::grants::grantee;
use super::ledger::Ledger;
use super::privilege::{Asking, FILES, LARGE_OBJECTS, Row};
use super::version::versions_schema;

const QUERY: &str = include_str!("reach.sql");

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The promise is broken, or can be.
    Finding,
    /// Worth knowing.
    Note,
}

/// How a reader was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Statements were tried in its role; this many.
    InItsRole(usize),
    /// This role may not become that one: only the catalogue was asked.
    Catalogue,
    /// There is no such role.
    Missing,
}

/// Something that a reader reaches, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub weight: Weight,
    /// The readers that it holds for.
    pub roles: Vec<String>,
    pub kind: &'static str,
    pub object: String,
    pub why: String,
    /// The statement that closes it; may be empty where nothing general can be said.
    pub close: String,
    /// It is so on any new server, and whoever may should close it.
    pub is_hardening: bool,
}

/// What was found out about all readers.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    pub readers: Vec<(String, Asked)>,
    pub found: Vec<Reached>,
}

impl Reach {
    pub fn findings(&self) -> impl Iterator<Item = &Reached> {
        self.found.iter().filter(|found| found.weight == Weight::Finding)
    }

    /// What holds for several readers alike is told once.
    fn add(&mut self, found: Reached) {
        let same = |other: &&mut Reached| {
            Reached {
                roles: found.roles.clone(),
                ..(**other).clone()
            } == found
        };
        match self.found.iter_mut().find(same) {
            Some(other) => other.roles.extend(found.roles),
            None => self.found.push(found),
        }
    }
}

/// Looks at everything that the readers can reach. `private` are the schemas of the project. Changes nothing.
pub async fn reach(
    connection: &Connection,
    ledger: &Ledger,
    readers: &[String],
    private: &BTreeSet<String>,
) -> Result<Reach, SqlError> {
    let published = published(connection, ledger).await?;
    let mut private = private.clone();
    private.extend([versions_schema(&ledger.schema), "assay".to_owned()]);
    private.remove(&ledger.schema);
    let user = connection.query("select current_user::text", &[]).await?;
    let user: String = user.first().map_or_else(String::new, |row| row.get(0));
    let mut reach = Reach::default();
    for reader in readers {
        let asking = Asking {
            reader,
            user: &user,
            private: &private,
        };
        let (asked, found) = one(connection, ledger, &published, &asking).await?;
        reach.readers.push((reader.clone(), asked));
        for found in found {
            reach.add(found);
        }
    }
    for note in bystanders(connection, ledger, readers).await? {
        reach.add(note);
    }
    reach
        .found
        .sort_by(|a, b| (a.weight, a.kind, &a.object).cmp(&(b.weight, b.kind, &b.object)));
    Ok(reach)
}

/// Schema and name of everything that any project published in this database.
async fn published(connection: &Connection, ledger: &Ledger) -> Result<Vec<(String, String)>, SqlError> {
    let mut published = vec![(ledger.schema.clone(), "published_models".to_owned())];
    if ledger.format(connection).await?.is_none() {
        return Ok(published);
    }
    let rows = connection
        .query(
            "select published_schema, model from assay.versions where state = 'published'
             union select published_schema, 'published_models' from assay.versions",
            &[],
        )
        .await?;
    published.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
    Ok(published)
}

async fn one(
    connection: &Connection,
    ledger: &Ledger,
    published: &[(String, String)],
    asking: &Asking<'_>,
) -> Result<(Asked, Vec<Reached>), SqlError> {
    let reader = asking.reader;
    let attributes = connection
        .query(
            "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles where rolname = $1::text",
            &[&reader],
        )
        .await?;
    let Some(attributes) = attributes.first() else {
        let mut found = vec![asking.finding("role", reader, "the role does not exist", "assay gate grant".to_owned())];
        // What everybody may do, it will.
        found.extend(asking.all_judged(&privileges(connection, published, reader).await?));
        return Ok((Asked::Missing, found));
    };
    let mut found = Vec::new();
    for (index, attribute, why) in [
        (0, "superuser", "a superuser reads everything"),
        (1, "createrole", "it can make roles, and give itself those of others"),
        (2, "createdb", "it can make databases, and copies of this one"),
        (3, "replication", "it can stream every change of every database"),
        (4, "bypassrls", "row level security does not hold for it"),
    ] {
        if attributes.get(index) {
            let close = format!("alter role {} no{attribute};", ident(reader));
            found.push(asking.finding("role", reader, why, close));
        }
    }
    let is_superuser: bool = attributes.get(0);
    let memberships = memberships(connection, asking).await?;
    let reads_all = is_superuser || !memberships.is_empty();
    found.extend(memberships);
    let mut readable = BTreeSet::new();
    if !is_superuser {
        let rows = privileges(connection, published, reader).await?;
        found.extend(asking.all_judged(&rows));
        readable.extend(
            rows.iter()
                .filter(|row| matches!(row.kind.as_str(), "relation" | "column"))
                .map(|row| (row.schema.clone(), row.name.clone())),
        );
        let missing = unreadable(connection, ledger, published, asking).await?;
        found.extend(missing);
    }
    readable.extend(published.iter().cloned());
    let (asked, read) = tried(connection, ledger, reader).await?;
    for (schema, name) in read {
        if !reads_all && !readable.contains(&(schema.clone(), name.clone())) {
            let object = format!("{schema}.{name}");
            let why = "a SELECT in its role worked, though no grant was found";
            found.push(asking.finding("relation", &object, why, String::new()));
        }
    }
    Ok((asked, found))
}

async fn privileges(
    connection: &Connection,
    published: &[(String, String)],
    reader: &str,
) -> Result<Vec<Row>, SqlError> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = published.iter().map(|(s, n)| (s.as_str(), n.as_str())).unzip();
    let dangerous: Vec<&str> = LARGE_OBJECTS.into_iter().chain(FILES).collect();
    let rows = connection
        .query(QUERY, &[&reader, &schemas, &schemas, &names, &dangerous])
        .await?;
    Ok(rows
        .iter()
        .map(|row| Row {
            kind: row.get(0),
            schema: row.get(1),
            name: row.get(2),
            detail: row.get(3),
            privileges: row.get(4),
            via: row.get(5),
            through: row.get(6),
        })
        .collect())
}

/// Roles that lend the reader far more than their own grants: the project's own, the server's, those of superusers.
async fn memberships(connection: &Connection, asking: &Asking<'_>) -> Result<Vec<Reached>, SqlError> {
    let rows = connection
        .query(
            "with recursive below as (
               select m.roleid as at, m.roleid as direct from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = $1::text
               union select m.roleid, b.direct from below b join pg_auth_members m on m.member = b.at)
             select d.rolname::text, r.rolname::text, r.rolsuper, r.rolname ~ '^pg_'
             from below b join pg_roles r on r.oid = b.at join pg_roles d on d.oid = b.direct
             where r.rolsuper or r.rolname ~ '^pg_' or r.rolname = current_user order by 1, 2",
            &[&asking.reader],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let (direct, role): (String, String) = (row.get(0), row.get(1));
            let what = if row.get(2) {
                format!("it is a member of {role}, a superuser, and reads everything")
            } else if row.get(3) {
                format!("it is a member of {role}, a role of the server with rights of its own")
            } else {
                format!("it is a member of {role}, the project's role, and reads and changes everything")
            };
            let close = format!("revoke {} from {};", ident(&direct), ident(asking.reader));
            asking.finding("membership", &role, &what, close)
        })
        .collect())
}

/// Published views of this project that the reader should read and may not.
async fn unreadable(
    connection: &Connection,
    ledger: &Ledger,
    published: &[(String, String)],
    asking: &Asking<'_>,
) -> Result<Vec<Reached>, SqlError> {
    let names: Vec<&str> = published
        .iter()
        .filter(|(schema, _)| *schema == ledger.schema)
        .map(|(_, name)| name.as_str())
        .collect();
    let rows = connection
        .query(
            "select c.relname::text, has_schema_privilege($1::text::name, n.oid, 'usage') from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $2::text and c.relname = any ($3::text[]) and c.relkind = 'v'
               and not (has_schema_privilege($1::text::name, n.oid, 'usage') and has_table_privilege($1::text::name, c.oid, 'select')) order by 1",
            &[&asking.reader, &ledger.schema, &names],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let (name, enters): (String, bool) = (row.get(0), row.get(1));
            let (schema, role) = (ident(&ledger.schema), ident(asking.reader));
            let close = if enters {
                format!("grant select on {schema}.{} to {role};", ident(&name))
            } else {
                format!("grant usage on schema {schema} to {role};")
            };
            let object = format!("{}.{name}", ledger.schema);
            asking.finding("missing grant", &object, "it is published and cannot be read", close)
        })
        .collect())
}

/// In the reader's role, where that can be taken: a SELECT on a relation of every kind of every schema. Answers with those
/// that worked.
async fn tried(
    connection: &Connection,
    ledger: &Ledger,
    reader: &str,
) -> Result<(Asked, Vec<(String, String)>), SqlError> {
    let rows = connection
        .query(
            "select distinct on (n.nspname, c.relkind, c.relname = 'published_models') n.nspname::text, c.relname::text
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'v', 'm', 'p', 'S') and n.nspname !~ '^pg_(toast|temp)'
               and (n.nspname not in ('pg_catalog', 'information_schema') or c.relname = 'pg_authid')
             union select $1::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1::text and c.relkind = 'v' order by 1, 2",
            &[&ledger.schema],
        )
        .await?;
    let take = format!("begin read only; set local role {};", ident(reader));
    if let Err(error) = connection.batch(&take).await {
        connection.rollback().await?;
        return if error.lost {
            Err(error)
        } else {
            Ok((Asked::Catalogue, Vec::new()))
        };
    }
    let mut read = Vec::new();
    for row in &rows {
        let (schema, name): (String, String) = (row.get(0), row.get(1));
        // The server checks the rights of a plan that it only explains, and reads nothing.
        let select = format!(
            "savepoint assay_try; explain select * from {}.{}; release savepoint assay_try;",
            ident(&schema),
            ident(&name)
        );
        match connection.batch(&select).await {
            Ok(_) => read.push((schema, name)),
            Err(error) if error.lost => return Err(error),
            Err(_) => drop(connection.batch("rollback to savepoint assay_try").await?),
        }
    }
    connection.rollback().await?;
    Ok((Asked::InItsRole(rows.len()), read))
}

/// Roles that may use the published schema and are no readers.
async fn bystanders(connection: &Connection, ledger: &Ledger, readers: &[String]) -> Result<Vec<Reached>, SqlError> {
    let rows = connection
        .query(
            "select case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee)::text end
             from pg_namespace n cross join aclexplode(n.nspacl) a
             where n.nspname = $1::text and a.privilege_type = 'USAGE' and a.grantee <> n.nspowner
               and (a.grantee = 0 or not pg_get_userbyid(a.grantee) = any ($2::text[])) order by 1",
            &[&ledger.schema, &readers],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let role: String = row.get(0);
            Reached {
                weight: Weight::Note,
                roles: vec![role.clone()],
                kind: "schema",
                object: ledger.schema.clone(),
                why: format!("{role} may use the published schema and is not among the readers"),
                close: format!(
                    "revoke usage on schema {} from {};",
                    ident(&ledger.schema),
                    grantee(&role)
                ),
                is_hardening: false,
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_several_is_told_once() {
        let private = BTreeSet::new();
        let mut reach = Reach::default();
        for reader in ["one", "two"] {
            let asking = Asking {
                reader,
                user: "builder",
                private: &private,
            };
            reach.add(asking.finding("table", "raw.orders", "granted to everybody", "revoke".to_owned()));
        }
        assert_eq!(reach.found.len(), 1);
        assert_eq!(reach.found[0].roles, ["one", "two"]);
    }
}
