//! Reader roles: USAGE of the published schema and SELECT on what the ledger published there, and nothing else.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::postgres::{Connection, SqlError};
use crate::sql::{ident, literal};

use super::ledger::Ledger;
use super::version::versions_schema;

/// The schema of the ledger.
const LEDGER: &str = "assay";

/// What the project publishes: published name to the model's `grants` (privilege to grantees).
pub type Models = BTreeMap<String, IndexMap<String, Vec<String>>>;

/// What the project file asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub schema: &'a str,
    pub readers: &'a [String],
    pub models: &'a Models,
}

/// One thing to do so that readers have what they are to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub sql: String,
    /// For people, in the present tense.
    pub says: String,
    /// Without it nothing can be published; else it takes away what is too much.
    pub is_needed: bool,
}

/// A reader who reads more than it is granted, for a reason that no grant takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overreach {
    Superuser(String),
    /// A member of the project's own role.
    Member {
        reader: String,
        role: String,
    },
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct SetUp {
    pub done: Vec<Change>,
    /// What this role may not do.
    pub undone: Vec<Change>,
    pub overreach: Vec<Overreach>,
}

#[derive(Debug)]
pub enum SetUpError {
    Sql(SqlError),
    /// The project's own role among the readers.
    ReaderBuilds(String),
    /// What somebody else must do first, and what the server said to the first of it.
    Missing {
        changes: Vec<Change>,
        cause: Option<SqlError>,
    },
}

impl From<SqlError> for SetUpError {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

/// What the server has of the gate, for a role and a published schema.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Standing {
    user: String,
    schemas: Vec<StandingSchema>,
    roles: Vec<StandingRole>,
    relations: Vec<StandingRelation>,
    /// Privileges of readers, old readers and everybody (`public`).
    held: Vec<Held>,
    /// Names that the ledger has published.
    published: Vec<String>,
    /// Readers of the last run.
    remembered: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct StandingSchema {
    name: String,
    /// The project's role may look up and create things there.
    usable: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct StandingRole {
    name: String,
    superuser: bool,
    member: bool,
    /// Whether it has USAGE of the published schema.
    enters: bool,
}

/// What stands in the published schema.
#[derive(Clone, Debug, Deserialize)]
struct StandingRelation {
    name: String,
    kind: String,
    /// Readers that may not read it.
    unread: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Held {
    schema: String,
    relation: Option<String>,
    role: String,
    privilege: String,
    /// Whether the project's role may take it away.
    ours: bool,
}

/// `$1` the published schema, `$2` the readers. `{published}` and `{remembered}` are queries of one column.
const STANDING: &str = "with me as (select oid, rolsuper from pg_roles where rolname = current_user),
published as ({published}),
remembered as ({remembered}),
watched as (select oid, rolname::text as name from pg_roles
            where rolname = any ($2::text[]) or rolname in (select role from remembered)),
spaces as (select * from pg_namespace where nspname in ($1::text, $1 || '__versions', 'assay')),
standing as (select c.* from pg_class c join spaces n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S'))
select json_build_object(
  'user', current_user,
  'published', (select coalesce(json_agg(model), '[]') from published),
  'remembered', (select coalesce(json_agg(role order by role), '[]') from remembered),
  'schemas', (select coalesce(json_agg(json_build_object('name', nspname,
      'usable', has_schema_privilege(oid, 'create') and has_schema_privilege(oid, 'usage'))), '[]') from spaces),
  'roles', (select coalesce(json_agg(json_build_object('name', w.name, 'superuser', r.rolsuper,
      'member', pg_has_role(w.oid, (select oid from me), 'member'),
      'enters', coalesce((select has_schema_privilege(w.oid, n.oid, 'usage') from spaces n where n.nspname = $1), false))), '[]')
      from watched w join pg_roles r on r.oid = w.oid),
  'relations', (select coalesce(json_agg(json_build_object('name', c.relname, 'kind', c.relkind,
      'unread', array(select w.name from watched w where w.name = any ($2) and c.relkind <> 'S'
                      and not has_table_privilege(w.oid, c.oid, 'select') order by w.name)) order by c.relname), '[]') from standing c),
  'held', (select coalesce(json_agg(h), '[]') from (
      select n.nspname as schema, null as relation, coalesce(w.name, 'public') as role, a.privilege_type as privilege,
             (select rolsuper from me) or pg_has_role(n.nspowner, 'usage') as ours
      from spaces n cross join aclexplode(n.nspacl) a left join watched w on w.oid = a.grantee
      where a.grantee <> n.nspowner and (w.oid is not null or (a.grantee = 0 and n.nspname <> $1))
      union all
      select $1, c.relname, w.name, a.privilege_type, (select rolsuper from me) or pg_has_role(c.relowner, 'usage')
      from standing c cross join aclexplode(c.relacl) a join watched w on w.oid = a.grantee
      where a.grantee <> c.relowner order by 1, 2, 3, 4) h))::text";

/// Asks the server, in one round trip where there is a ledger.
pub async fn standing(connection: &Connection, wanted: &Wanted<'_>) -> Result<Standing, SqlError> {
    let known = connection
        .query(
            "select to_regclass('assay.versions') is not null, to_regclass('assay.readers') is not null",
            &[],
        )
        .await?;
    let there = |column: usize| known.first().is_some_and(|row| row.get::<_, bool>(column));
    let published = if there(0) {
        "select model from assay.versions where published_schema = $1 and state = 'published'"
    } else {
        "select null::text as model where false"
    };
    let remembered = if there(1) {
        "select role from assay.readers where published_schema = $1"
    } else {
        "select null::text as role where false"
    };
    let sql = STANDING
        .replace("{published}", published)
        .replace("{remembered}", remembered);
    let rows = connection.query(&sql, &[&wanted.schema, &wanted.readers]).await?;
    let text: String = rows.first().map_or_else(String::new, |row| row.get(0));
    serde_json::from_str(&text).map_err(|error| SqlError::client(format!("the catalogue cannot be read: {error}")))
}

/// What is to be done, in the order in which it can be done; empty where everything is as it should be.
#[must_use]
pub fn changes(standing: &Standing, wanted: &Wanted<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    schemas(standing, wanted, &mut changes);
    for reader in wanted.readers {
        grants(standing, wanted, reader, &mut changes);
        excess(standing, wanted, reader, &mut changes);
    }
    for role in &standing.remembered {
        if !wanted.readers.contains(role) {
            former(standing, wanted, role, &mut changes);
        }
    }
    closed(standing, wanted, &mut changes);
    changes
}

fn needed(sql: String, says: String) -> Change {
    Change {
        sql,
        says,
        is_needed: true,
    }
}

/// The published schema, the schema of versions, and that of the ledger.
fn schemas(standing: &Standing, wanted: &Wanted<'_>, changes: &mut Vec<Change>) {
    let user = ident(&standing.user);
    for name in [wanted.schema, &versions_schema(wanted.schema), LEDGER] {
        let schema = ident(name);
        match standing.schemas.iter().find(|schema| schema.name == name) {
            Some(found) if found.usable => {}
            Some(_) => changes.push(needed(
                format!("grant usage, create on schema {schema} to {user};\n"),
                format!("{} may create in schema {name}", standing.user),
            )),
            None => changes.push(needed(
                format!("create schema {schema} authorization {user};\n"),
                format!("schema {name} is made"),
            )),
        }
    }
}

/// A role that is made here can log in but has no password, so that it is of use only where the server trusts the
/// connection (the local server's private socket) until somebody sets one.
fn grants(standing: &Standing, wanted: &Wanted<'_>, reader: &str, changes: &mut Vec<Change>) {
    let role = ident(reader);
    let found = standing.roles.iter().find(|role| role.name == reader);
    if found.is_none() {
        // CREATE ROLE has no IF NOT EXISTS; another database's run may make it at the same moment.
        let create = literal(&format!(
            "create role {role} login nosuperuser nocreatedb nocreaterole noinherit"
        ));
        changes.push(needed(
            format!(
                "do $assay$ begin if not exists (select from pg_roles where rolname = {name}) then \
                 begin execute {create}; exception when duplicate_object or unique_violation then null; end; \
                 end if; end $assay$;\n",
                name = literal(reader),
            ),
            format!("role {reader} is made; it can log in and has no password"),
        ));
    }
    let schema = ident(wanted.schema);
    if found.is_none_or(|role| !role.enters) {
        changes.push(needed(
            format!("grant usage on schema {schema} to {role};\n"),
            format!("{reader} may use schema {}", wanted.schema),
        ));
    }
    let unread: Vec<String> = standing
        .relations
        .iter()
        .filter(|relation| standing.is_published(relation))
        .filter(|relation| found.is_none() || relation.unread.iter().any(|role| role == reader))
        .map(|relation| format!("{schema}.{}", ident(&relation.name)))
        .collect();
    if !unread.is_empty() {
        let says = match unread.len() {
            1 => format!("{reader} may read 1 published view"),
            count => format!("{reader} may read {count} published views"),
        };
        changes.push(needed(
            format!("grant select on {} to {role};\n", unread.join(", ")),
            says,
        ));
    }
}

/// What a reader may do in the published schema beyond reading what is published.
fn excess(standing: &Standing, wanted: &Wanted<'_>, reader: &str, changes: &mut Vec<Change>) {
    let role = ident(reader);
    let schema = ident(wanted.schema);
    if standing
        .holds(wanted.schema, reader)
        .any(|held| held.privilege != "USAGE" && held.ours)
    {
        changes.push(Change {
            sql: format!("revoke create on schema {schema} from {role};\n"),
            says: format!("{reader} may no longer create in schema {}", wanted.schema),
            is_needed: false,
        });
    }
    for relation in &standing.relations {
        let held: Vec<&str> = standing
            .held
            .iter()
            .filter(|held| held.relation.as_ref() == Some(&relation.name) && held.role == reader && held.ours)
            .map(|held| held.privilege.as_str())
            .collect();
        let is_published = standing.is_published(relation);
        let lost: Vec<&str> = held
            .into_iter()
            .filter(|privilege| {
                !(is_published && (*privilege == "SELECT" || wanted.grants(&relation.name, privilege, reader)))
            })
            .collect();
        if lost.is_empty() {
            continue;
        }
        let because = if is_published { "" } else { ", which is not published" };
        let plain = format!("{}.{}", wanted.schema, relation.name);
        changes.push(Change {
            sql: relation.revoke(&schema, &lost, &role),
            says: format!("{reader} no longer has {} on {plain}{because}", lost.join(", ")),
            is_needed: false,
        });
    }
}

/// Everything that a role has in the published schema which was a reader once, save what the `grants` of a model give it.
fn former(standing: &Standing, wanted: &Wanted<'_>, role: &str, changes: &mut Vec<Change>) {
    let name = ident(role);
    let schema = ident(wanted.schema);
    let mut sql = String::new();
    for relation in &standing.relations {
        let lost: Vec<&str> = standing
            .held
            .iter()
            .filter(|held| held.relation.as_ref() == Some(&relation.name) && held.role == role && held.ours)
            .map(|held| held.privilege.as_str())
            .filter(|privilege| !wanted.grants(&relation.name, privilege, role))
            .collect();
        if !lost.is_empty() {
            sql.push_str(&relation.revoke(&schema, &lost, &name));
        }
    }
    let has_grants = wanted.models.values().flat_map(IndexMap::values).flatten();
    let keeps = has_grants.into_iter().any(|grantee| grantee.eq_ignore_ascii_case(role));
    if !keeps && standing.holds(wanted.schema, role).any(|held| held.ours) {
        sql.push_str(&format!("revoke all on schema {schema} from {name};\n"));
    }
    if !sql.is_empty() {
        changes.push(Change {
            sql,
            says: format!(
                "{role} is no reader any more: it may no longer read schema {}",
                wanted.schema
            ),
            is_needed: false,
        });
    }
}

/// Neither readers nor everybody may use the schemas of versions and of the ledger.
fn closed(standing: &Standing, wanted: &Wanted<'_>, changes: &mut Vec<Change>) {
    for schema in [&*versions_schema(wanted.schema), LEDGER] {
        let mut roles: Vec<&str> = standing
            .held
            .iter()
            .filter(|held| held.schema == schema && held.relation.is_none() && held.ours)
            .map(|held| held.role.as_str())
            .collect();
        roles.dedup();
        for role in roles {
            let name = super::grants::grantee(role);
            changes.push(Change {
                sql: format!("revoke all on schema {} from {name};\n", ident(schema)),
                says: format!("{role} may no longer use schema {schema}"),
                is_needed: false,
            });
        }
    }
}

impl Standing {
    fn is_published(&self, relation: &StandingRelation) -> bool {
        let name = &relation.name;
        relation.kind == "v" && (name == "published_models" || self.published.contains(name))
    }

    fn holds<'a>(&'a self, schema: &'a str, role: &'a str) -> impl Iterator<Item = &'a Held> {
        let on_schema = move |held: &&Held| held.relation.is_none() && held.schema == schema && held.role == role;
        self.held.iter().filter(on_schema)
    }

    fn overreach(&self, readers: &[String]) -> Vec<Overreach> {
        let roles = self.roles.iter().filter(|role| readers.contains(&role.name));
        roles
            .filter_map(|role| match role {
                role if role.superuser => Some(Overreach::Superuser(role.name.clone())),
                role if role.member => Some(Overreach::Member {
                    reader: role.name.clone(),
                    role: self.user.clone(),
                }),
                _ => None,
            })
            .collect()
    }
}

impl Wanted<'_> {
    /// Whether a model's `grants` give a role this privilege.
    fn grants(&self, model: &str, privilege: &str, role: &str) -> bool {
        let grants = self.models.get(model).into_iter().flatten();
        grants
            .filter(|(given, _)| given.eq_ignore_ascii_case(privilege) || given.to_lowercase().starts_with("all"))
            .any(|(_, grantees)| grantees.iter().any(|grantee| grantee.eq_ignore_ascii_case(role)))
    }
}

impl StandingRelation {
    fn revoke(&self, schema: &str, privileges: &[&str], role: &str) -> String {
        let kind = if self.kind == "S" { "sequence " } else { "" };
        let name = ident(&self.name);
        let privileges = privileges.join(", ").to_lowercase();
        format!("revoke {privileges} on {kind}{schema}.{name} from {role};\n")
    }
}

/// Makes schemas, roles and grants what they should be. Idempotent; says nothing to the server but questions where they are.
/// Fails where something stays undone without which nothing can be published.
pub async fn set_up(connection: &Connection, ledger: &Ledger, wanted: &Wanted<'_>) -> Result<SetUp, SetUpError> {
    let before = standing(connection, wanted).await?;
    if wanted.readers.contains(&before.user) {
        return Err(SetUpError::ReaderBuilds(before.user));
    }
    let mut set_up = SetUp {
        overreach: before.overreach(wanted.readers),
        ..SetUp::default()
    };
    let planned = changes(&before, wanted);
    let mut cause = None;
    for change in &planned {
        match connection.batch(&change.sql).await {
            Ok(_) => {}
            Err(error) if error.lost => return Err(error.into()),
            Err(error) => {
                connection.rollback().await?;
                cause.get_or_insert(error);
            }
        }
    }
    if !planned.is_empty() {
        // A REVOKE that changes nothing is no error.
        set_up.undone = changes(&standing(connection, wanted).await?, wanted);
        let undone = |change: &Change| set_up.undone.iter().any(|left| left.sql == change.sql);
        set_up.done = planned.into_iter().filter(|change| !undone(change)).collect();
    }
    let missing: Vec<Change> = set_up
        .undone
        .iter()
        .filter(|change| change.is_needed)
        .cloned()
        .collect();
    if !missing.is_empty() {
        return Err(SetUpError::Missing {
            changes: missing,
            cause,
        });
    }
    if set_up.undone.is_empty() && sorted(&before.remembered) != sorted(wanted.readers) {
        remember(connection, ledger, wanted.readers).await?;
    }
    Ok(set_up)
}

fn sorted(readers: &[String]) -> Vec<String> {
    let mut readers = readers.to_vec();
    readers.sort();
    readers.dedup();
    readers
}

/// So that a role which is no reader any more is known as one that was.
async fn remember(connection: &Connection, ledger: &Ledger, readers: &[String]) -> Result<(), SqlError> {
    connection
        .query(
            "with gone as (delete from assay.readers where published_schema = $1 and not role = any ($2))
             insert into assay.readers (published_schema, role)
             select $1, reader from unnest($2::text[]) as reader on conflict do nothing",
            &[&ledger.schema, &readers],
        )
        .await
        .map(drop)
}

/// The statements that let the readers read one published relation.
#[must_use]
pub fn grant_readers(relation: &str, readers: &[String]) -> String {
    readers
        .iter()
        .map(|reader| format!("grant select on {relation} to {};\n", ident(reader)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(standing: &str, models: &Models, readers: &[&str]) -> String {
        let standing: Standing = serde_json::from_str(standing).expect("JSON");
        let readers: Vec<String> = readers.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Wanted {
            schema: "analytics",
            readers: &readers,
            models,
        };
        changes(&standing, &wanted)
            .iter()
            .map(|change| format!("-- {}\n{}", change.says, change.sql))
            .collect()
    }

    const NOTHING: &str = r#"{"user": "builder", "schemas": [], "roles": [], "relations": [], "held": [], "published": [],
                              "remembered": []}"#;

    const MUCH: &str = r#"{"user": "builder", "published": ["fact", "dim"], "remembered": ["metabase", "old"],
        "schemas": [{"name": "analytics", "usable": true}, {"name": "analytics__versions", "usable": true},
                    {"name": "assay", "usable": false}],
        "roles": [{"name": "metabase", "superuser": false, "member": false, "enters": true},
                  {"name": "old", "superuser": false, "member": false, "enters": true}],
        "relations": [{"name": "dim", "kind": "v", "unread": ["metabase"]}, {"name": "fact", "kind": "v", "unread": []},
                      {"name": "notes", "kind": "r", "unread": []}, {"name": "notes_id_seq", "kind": "S", "unread": []},
                      {"name": "theirs", "kind": "r", "unread": []}],
        "held": [{"schema": "analytics", "relation": null, "role": "metabase", "privilege": "CREATE", "ours": true},
                 {"schema": "analytics", "relation": null, "role": "metabase", "privilege": "USAGE", "ours": true},
                 {"schema": "analytics", "relation": null, "role": "old", "privilege": "USAGE", "ours": true},
                 {"schema": "analytics", "relation": "dim", "role": "old", "privilege": "SELECT", "ours": true},
                 {"schema": "analytics", "relation": "fact", "role": "metabase", "privilege": "INSERT", "ours": true},
                 {"schema": "analytics", "relation": "fact", "role": "metabase", "privilege": "SELECT", "ours": true},
                 {"schema": "analytics", "relation": "fact", "role": "metabase", "privilege": "UPDATE", "ours": true},
                 {"schema": "analytics", "relation": "fact", "role": "old", "privilege": "SELECT", "ours": true},
                 {"schema": "analytics", "relation": "notes", "role": "metabase", "privilege": "SELECT", "ours": true},
                 {"schema": "analytics", "relation": "notes_id_seq", "role": "metabase", "privilege": "USAGE", "ours": true},
                 {"schema": "analytics", "relation": "theirs", "role": "metabase", "privilege": "SELECT", "ours": false},
                 {"schema": "analytics__versions", "relation": null, "role": "metabase", "privilege": "USAGE", "ours": true},
                 {"schema": "assay", "relation": null, "role": "public", "privilege": "USAGE", "ours": true}]}"#;

    #[test]
    fn everything_is_made() {
        insta::assert_snapshot!(sql(NOTHING, &Models::new(), &["metabase", "o'neil"]));
    }

    #[test]
    fn what_is_missing_is_granted_and_what_is_too_much_revoked() {
        insta::assert_snapshot!(sql(MUCH, &Models::new(), &["metabase"]));
    }

    #[test]
    fn what_a_model_grants_is_kept() {
        let grants = IndexMap::from([
            ("select".to_owned(), vec!["old".to_owned()]),
            ("insert".to_owned(), vec!["Metabase".to_owned()]),
        ]);
        let kept = sql(MUCH, &Models::from([("fact".to_owned(), grants)]), &["metabase"]);
        for line in [
            "revoke select on \"analytics\".\"dim\" from \"old\";",
            "revoke update on \"analytics\".\"fact\" from \"metabase\";",
        ] {
            assert!(kept.contains(line), "{line} in {kept}");
        }
        assert!(
            !kept.contains("\"fact\" from \"old\"") && !kept.contains("schema \"analytics\" from \"old\""),
            "{kept}"
        );
    }

    #[test]
    fn readers_that_read_more() {
        let text = MUCH.replacen("\"member\": false", "\"member\": true", 1);
        let standing: Standing = serde_json::from_str(&text).expect("JSON");
        let member = Overreach::Member {
            reader: "metabase".into(),
            role: "builder".into(),
        };
        assert_eq!(standing.overreach(&["metabase".into()]), [member]);
    }

    #[test]
    fn grants_quote_their_role() {
        assert_eq!(
            grant_readers("\"analytics\".\"m\"", &["Meta base".into()]),
            "grant select on \"analytics\".\"m\" to \"Meta base\";\n"
        );
    }
}
