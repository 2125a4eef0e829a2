//! What reader roles can reach that they should not, and what closes it.

use std::collections::BTreeSet;

use crate::postgres::{Connection, SqlError};
use crate::sql::ident;

use super::grants::grantee;
use super::ledger::Ledger;
use super::version::versions_schema;

const QUERY: &str = include_str!("reach.sql");

/// Functions of the server that write large objects; everybody may call them on a new server.
const LARGE_OBJECTS: [&str; 10] = [
    "lo_creat",
    "lo_create",
    "lo_export",
    "lo_from_bytea",
    "lo_import",
    "lo_put",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "lowrite",
];

/// Functions of the server that read or write its files; nobody may call them on a new server but superusers.
const FILES: [&str; 9] = [
    "pg_file_write",
    "pg_ls_dir",
    "pg_ls_logdir",
    "pg_ls_tmpdir",
    "pg_ls_waldir",
    "pg_read_binary_file",
    "pg_read_file",
    "pg_read_file_off_len",
    "pg_stat_file",
];

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

/// One row of `reach.sql`.
#[derive(Clone, Debug)]
struct Row {
    kind: String,
    schema: String,
    name: String,
    detail: String,
    privileges: String,
    via: String,
    through: Option<String>,
}

/// Whose reach it is, beside what.
struct Asking<'a> {
    reader: &'a str,
    /// The project's role.
    user: &'a str,
    /// Schemas that the project builds in or reads from, those of the gate included.
    private: &'a BTreeSet<String>,
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
    if !ledger.exists(connection).await? {
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

impl Asking<'_> {
    fn finding(&self, kind: &'static str, object: &str, why: &str, close: String) -> Reached {
        Reached {
            weight: Weight::Finding,
            roles: vec![self.reader.to_owned()],
            kind,
            object: object.to_owned(),
            why: why.to_owned(),
            close,
            is_hardening: false,
        }
    }

    fn all_judged(&self, rows: &[Row]) -> Vec<Reached> {
        let judged = rows.iter().filter_map(|row| self.judged(row));
        judged.chain(self.large_object_functions(rows)).collect()
    }

    /// What a privilege means; `None` for what a reader is to have.
    fn judged(&self, row: &Row) -> Option<Reached> {
        let object = format!("{}.{}", row.schema, row.name);
        let quoted = format!("{}.{}", ident(&row.schema), ident(&row.name));
        let from = self.from(row);
        let has = |privilege: &str| row.privileges.split(", ").any(|held| held == privilege);
        let owns = has("OWNER");
        let may = if owns {
            "it is the owner".to_owned()
        } else {
            format!("{} {from}", row.privileges)
        };
        let mut found = match row.kind.as_str() {
            "relation" => {
                let kind = relation_kind(&row.detail);
                let named = if kind == "sequence" {
                    format!("sequence {quoted}")
                } else {
                    quoted.clone()
                };
                let close = self.close(row, &named, &format!("{kind} {quoted}"));
                let mut found = self.finding(kind, &object, &may, close);
                if row.detail.ends_with('e') && row.privileges == "SELECT" {
                    found.weight = Weight::Note;
                    found.why.push_str("; it belongs to an extension");
                }
                found
            }
            "column" => {
                let column = ident(&row.detail);
                let privileges = row.privileges.to_lowercase().replace(", ", &format!(" ({column}), "));
                let close = match &row.through {
                    Some(through) => self.leave(through),
                    None => format!("revoke {privileges} ({column}) on {quoted} from {};", grantee(&row.via)),
                };
                if owns {
                    return None;
                }
                self.finding("column", &format!("{object}.{}", row.detail), &may, close)
            }
            "schema" => return self.schema(row, &may),
            "function" => {
                let procedure = row.detail.ends_with("procedure");
                let word = if procedure { "procedure " } else { "function " };
                // The name comes with its arguments.
                let (name, arguments) = row.name.split_once('(').unwrap_or((&row.name, ")"));
                let signature = format!("{word}{}.{}({arguments}", ident(&row.schema), ident(name));
                let close = self.close(row, &signature, &signature);
                match row.detail.split(' ').next() {
                    // One's own runs with one's own rights.
                    Some("definer") if owns => return None,
                    Some("definer") => self.finding(
                        "function",
                        &object,
                        &format!("{may}; it runs with the rights of its owner (SECURITY DEFINER)"),
                        close,
                    ),
                    Some("dblink") => self.finding(
                        "function",
                        &object,
                        &format!("{may}; it reaches other databases"),
                        close,
                    ),
                    _ => Reached {
                        weight: Weight::Note,
                        ..self.finding(
                            "function",
                            &object,
                            &format!("{may}; it runs with the reader's own rights"),
                            close,
                        )
                    },
                }
            }
            "catalogue function" => {
                let name = row.name.split('(').next().unwrap_or_default();
                if LARGE_OBJECTS.contains(&name) {
                    return None;
                }
                let signature = format!("function pg_catalog.{}", row.name);
                let close = self.close(row, &signature, &signature);
                self.finding(
                    "function",
                    &row.name,
                    &format!("{may}; it reaches the server's files"),
                    close,
                )
            }
            "database" => {
                let database = format!("database {}", ident(&row.name));
                let close = self.close(row, &database, &database);
                let mut found = self.finding("database", &row.name, &may, close);
                if row.privileges == "TEMPORARY" {
                    found.weight = Weight::Note;
                    found.why = format!("TEMPORARY {from}: it can make tables that last as long as its session");
                }
                found
            }
            "large object" => {
                let named = format!("large object {}", row.name);
                let close = self.close(row, &named, &named);
                self.finding("large object", &row.name, &may, close)
            }
            "default privilege" => self.default_privilege(row),
            _ => return None,
        };
        if row.through.is_some() && !owns {
            found.why.push_str(", of which it is a member");
        }
        Some(found)
    }

    fn schema(&self, row: &Row, may: &str) -> Option<Reached> {
        let schema = format!("schema {}", ident(&row.name));
        let held: Vec<&str> = row.privileges.split(", ").collect();
        if held.contains(&"CREATE") || held.contains(&"OWNER") {
            let creates = Row {
                privileges: held
                    .iter()
                    .filter(|held| **held != "USAGE")
                    .copied()
                    .collect::<Vec<_>>()
                    .join(", "),
                ..row.clone()
            };
            let why = format!("{may}: it can make relations and functions there");
            // Everybody may, on a server before version 15.
            let is_hardening = row.name == "public" && row.via == "public";
            return Some(Reached {
                is_hardening,
                ..self.finding("schema", &row.name, &why, self.close(&creates, &schema, &schema))
            });
        }
        if row.detail == "published" || row.name == "public" {
            return None;
        }
        let why = format!("{may}: it can look up what is there");
        let mut found = self.finding("schema", &row.name, &why, self.close(row, &schema, &schema));
        if !self.private.contains(&row.name) {
            found.weight = Weight::Note;
        }
        Some(found)
    }

    fn default_privilege(&self, row: &Row) -> Reached {
        let (objects, what) = match row.detail.as_str() {
            "S" => ("sequences", "sequence"),
            "n" => ("schemas", "schema"),
            _ => ("tables", "table and view"),
        };
        let (place, inside) = if row.schema.is_empty() {
            (String::new(), String::new())
        } else {
            (
                format!(" in {}", row.schema),
                format!(" in schema {}", ident(&row.schema)),
            )
        };
        let why = format!(
            "every new {what} that {} makes{place} comes with {} {}",
            row.name,
            row.privileges,
            self.from(row)
        );
        let close = format!(
            "alter default privileges for role {}{inside} revoke {} on {objects} from {};",
            ident(&row.name),
            row.privileges.to_lowercase(),
            grantee(&row.via)
        );
        let object = format!("{}{place}", row.name);
        self.finding("default privilege", &object, &why, close)
    }

    /// All of them at once: they are granted together.
    fn large_object_functions(&self, rows: &[Row]) -> Option<Reached> {
        let written: Vec<&Row> = rows
            .iter()
            .filter(|row| row.kind == "catalogue function")
            .filter(|row| LARGE_OBJECTS.contains(&row.name.split('(').next().unwrap_or_default()))
            .collect();
        let first = written.first()?;
        let signatures: Vec<String> = written.iter().map(|row| format!("pg_catalog.{}", row.name)).collect();
        let close = match &first.through {
            Some(through) => self.leave(through),
            None => format!(
                "revoke execute on function {} from {};",
                signatures.join(", "),
                grantee(&first.via)
            ),
        };
        let why = format!("EXECUTE {}: it can write large objects", self.from(first));
        Some(Reached {
            is_hardening: first.via == "public",
            ..self.finding("function", "lo_create and others", &why, close)
        })
    }

    fn from(&self, row: &Row) -> String {
        match row.via.as_str() {
            "public" => "granted to everybody (public)".to_owned(),
            via if via == self.reader => "granted to it".to_owned(),
            via => format!("granted to {via}"),
        }
    }

    fn leave(&self, role: &str) -> String {
        format!("revoke {} from {};", ident(role), ident(self.reader))
    }

    /// `object` as REVOKE names it, `owned` as ALTER does.
    fn close(&self, row: &Row, object: &str, owned: &str) -> String {
        if let Some(through) = &row.through {
            return self.leave(through);
        }
        if row.privileges.split(", ").any(|held| held == "OWNER") {
            return format!("alter {owned} owner to {};", ident(self.user));
        }
        let privileges = row.privileges.to_lowercase();
        format!("revoke {privileges} on {object} from {};", grantee(&row.via))
    }
}

fn relation_kind(detail: &str) -> &'static str {
    match detail.chars().next() {
        Some('v') => "view",
        Some('m') => "materialized view",
        Some('f') => "foreign table",
        Some('S') => "sequence",
        _ => "table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, schema, name, detail, privileges, via, through.
    fn judged(row: [&str; 7]) -> String {
        let private = BTreeSet::from(["raw".to_owned(), "analytics__versions".to_owned()]);
        let asking = Asking {
            reader: "bi",
            user: "builder",
            private: &private,
        };
        let text = |index: usize| row[index].to_owned();
        let row = Row {
            kind: text(0),
            schema: text(1),
            name: text(2),
            detail: text(3),
            privileges: text(4),
            via: text(5),
            through: Some(text(6)).filter(|role| !role.is_empty()),
        };
        let found = asking.judged(&row).or_else(|| asking.large_object_functions(&[row]));
        found.map_or_else(
            || "nothing\n".to_owned(),
            |found| {
                let hardening = if found.is_hardening {
                    " (as on any new server)"
                } else {
                    ""
                };
                format!(
                    "{:?}: {} {}: {}{hardening}\n    {}\n",
                    found.weight, found.kind, found.object, found.why, found.close
                )
            },
        )
    }

    #[test]
    fn what_is_found_and_what_closes_it() {
        let told: String = [
            ["relation", "raw", "orders", "r", "INSERT, SELECT", "bi", ""],
            ["relation", "raw", "orders", "v", "SELECT", "public", ""],
            ["relation", "raw", "orders", "m", "SELECT", "deep", "analysts"],
            ["relation", "raw", "mine", "f", "OWNER", "bi", ""],
            ["relation", "raw", "o'x_seq", "S", "USAGE", "bi", ""],
            ["relation", "public", "spatial_ref_sys", "re", "SELECT", "public", ""],
            ["column", "raw", "orders", "ssn", "SELECT, UPDATE", "bi", ""],
            ["schema", "raw", "raw", "", "USAGE", "bi", ""],
            ["schema", "other", "other", "", "USAGE", "public", ""],
            ["schema", "analytics", "analytics", "published", "USAGE", "bi", ""],
            [
                "schema",
                "analytics",
                "analytics",
                "published",
                "CREATE, USAGE",
                "bi",
                "",
            ],
            ["schema", "public", "public", "", "CREATE, USAGE", "public", ""],
            ["schema", "public", "public", "", "USAGE", "public", ""],
            ["function", "raw", "f(a integer)", "definer", "EXECUTE", "public", ""],
            ["function", "raw", "p()", "definer procedure", "EXECUTE", "bi", ""],
            ["function", "raw", "f(a integer)", "invoker", "EXECUTE", "public", ""],
            ["function", "raw", "own()", "definer", "OWNER", "bi", ""],
            ["function", "public", "dblink(text)", "dblink", "EXECUTE", "public", ""],
            [
                "catalogue function",
                "pg_catalog",
                "pg_read_file(text)",
                "",
                "EXECUTE",
                "bi",
                "",
            ],
            [
                "catalogue function",
                "pg_catalog",
                "lo_put(oid, bigint, bytea)",
                "",
                "EXECUTE",
                "public",
                "",
            ],
            ["database", "", "shop", "", "CREATE", "bi", ""],
            ["database", "", "shop", "", "TEMPORARY", "public", ""],
            ["large object", "", "4711", "", "SELECT", "public", ""],
            ["default privilege", "raw", "builder", "r", "SELECT", "bi", ""],
            ["default privilege", "", "builder", "n", "USAGE", "public", ""],
        ]
        .map(judged)
        .concat();
        insta::assert_snapshot!(told);
    }

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
