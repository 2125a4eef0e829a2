//! What a published view carries beside its rows: privileges and descriptions.

use std::fmt::Write as _;

use crate::postgres::{Connection, SqlError};
use crate::sql::{ident, literal};

use super::publish::Publication;

/// What the server grants on every new table and view of the owner.
const INITIAL: &str = "select from pg_default_acl as initial, aclexplode(initial.defaclacl) as given where initial.defaclrole = owner and \
                       initial.defaclobjtype = 'r' and initial.defaclnamespace in (0, namespace) and given.grantee = role and \
                       given.privilege_type = privilege";

/// What others than the owner may do.
const HELD: &str = "select acl.privilege_type as privilege, acl.grantee as role, case acl.grantee when 0 then 'public' else \
                    pg_get_userbyid(acl.grantee) end as grantee, kept.relowner as owner, kept.relnamespace as namespace from pg_class as \
                    kept, aclexplode(kept.relacl) as acl where acl.grantee <> kept.relowner and kept.oid =";

/// Takes away what others than the owner may do and `wanted` (privilege, grantee) does not name. `keep_initial` leaves what
/// the server grants on every new relation.
#[must_use]
pub fn revoke_beyond(relation: &str, wanted: &[(&str, &str)], keep_initial: bool) -> String {
    let mut lost = "true".to_owned();
    if !wanted.is_empty() {
        let wanted: Vec<String> = wanted
            .iter()
            .map(|(privilege, grantee)| {
                let (privilege, grantee) = (privilege.to_lowercase(), grantee.to_lowercase());
                format!("({}, {})", literal(&privilege), literal(&grantee))
            })
            .collect();
        lost = format!(
            "(lower(privilege), lower(grantee)) not in (values {})",
            wanted.join(", ")
        );
    }
    if keep_initial {
        lost.push_str(&format!(" and not exists ({INITIAL})"));
    }
    let revoke = literal(&format!("revoke %s on {} from %s", relation.replace('%', "%%")));
    format!(
        "do $assay$ declare lost record; begin for lost in select privilege, grantee from ({HELD} {}::regclass) as held where {lost} loop \
         execute format({revoke}, lost.privilege, case lost.grantee when 'public' then 'public' else quote_ident(lost.grantee) end); \
         end loop; end $assay$;\n",
        literal(relation)
    )
}

/// A role as GRANT and REVOKE name it.
#[must_use]
pub fn grantee(name: &str) -> String {
    if name.eq_ignore_ascii_case("public") {
        "public".to_owned()
    } else {
        ident(name)
    }
}

/// What a published view that stands carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Worn {
    /// Privilege and grantee, both in lower case.
    held: Vec<(String, String)>,
    description: Option<String>,
    /// Every column with its description.
    columns: Vec<(String, Option<String>)>,
}

impl Publication {
    /// Every privilege that somebody else than the owner is to have on the view.
    fn wanted<'a>(&'a self, readers: &'a [String]) -> Vec<(&'a str, &'a str)> {
        let configured = self
            .grants
            .iter()
            .flat_map(|(privilege, grantees)| grantees.iter().map(|grantee| (&**privilege, &**grantee)));
        readers
            .iter()
            .map(|reader| ("select", &**reader))
            .chain(configured)
            .collect()
    }

    /// What the model's `grants` say.
    pub(super) fn grant_sql(&self, sql: &mut String) {
        for (privilege, grantees) in &self.grants {
            for name in grantees {
                let _ = writeln!(sql, "grant {privilege} on {} to {};", self.published, grantee(name));
            }
        }
    }

    /// Takes from a view that was made anew or replaced what it has from before and its model no longer says.
    pub(super) fn strip_sql(&self, readers: &[String], sql: &mut String) {
        let name = self.published.to_string();
        sql.push_str(&revoke_beyond(&name, &self.wanted(readers), true));
        if self.description.is_empty() {
            let _ = writeln!(sql, "comment on view {name} is null;");
        }
        let described: Vec<String> = self.column_descriptions.keys().map(|column| literal(column)).collect();
        let clear = literal(&format!("comment on column {}.%I is null", name.replace('%', "%%")));
        let _ = writeln!(
            sql,
            "do $assay$ declare stale record; begin for stale in select c.attname from pg_attribute as c join pg_description as d on \
             d.objoid = c.attrelid and d.objsubid = c.attnum and d.classoid = 'pg_class'::regclass where c.attrelid = {}::regclass and \
             c.attnum > 0 and not c.attname = any (array[{}]::text[]) loop execute format({clear}, stale.attname); end loop; end $assay$;",
            literal(&name),
            described.join(", ")
        );
    }

    /// What is to be said so that the view carries what its model says now; empty where it does. Where the model has no
    /// grants at all, what people granted by hand stays, as in dbt.
    fn redress_sql(&self, worn: &Worn, readers: &[String]) -> String {
        let mut sql = String::new();
        let name = self.published.to_string();
        let wanted = self.wanted(readers);
        let same = |held: &(String, String), (privilege, grantee): &(&str, &str)| {
            held.0.eq_ignore_ascii_case(privilege) && held.1.eq_ignore_ascii_case(grantee)
        };
        let too_much = |held: &(String, String)| !wanted.iter().any(|wanted| same(held, wanted));
        if !self.grants.is_empty() && worn.held.iter().any(too_much) {
            sql.push_str(&revoke_beyond(&name, &wanted, false));
        }
        for wanted in &wanted {
            if !worn.held.iter().any(|held| same(held, wanted)) {
                let _ = writeln!(sql, "grant {} on {name} to {};", wanted.0, grantee(wanted.1));
            }
        }
        if worn.description.as_deref().unwrap_or_default() != self.description {
            let _ = writeln!(sql, "comment on view {name} is {};", described(&self.description));
        }
        for (column, before) in &worn.columns {
            let now = self.column_descriptions.get(column).map_or("", String::as_str);
            if before.as_deref().unwrap_or_default() != now {
                let _ = writeln!(sql, "comment on column {name}.{} is {};", ident(column), described(now));
            }
        }
        sql
    }
}

/// An empty description is none.
fn described(text: &str) -> String {
    if text.is_empty() {
        "null".to_owned()
    } else {
        literal(text)
    }
}

/// The statements that bring privileges and descriptions of a published view up to date while its version stays; empty where
/// nothing has changed, or where somebody dropped the view.
pub async fn redress(
    connection: &Connection,
    publication: &Publication,
    readers: &[String],
) -> Result<String, SqlError> {
    let place = &publication.published;
    let rows = connection
        .query(
            "select obj_description(v.oid, 'pg_class'),
                    array(select lower(a.privilege_type) || ' ' || lower(case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee)::text end)
                          from aclexplode(v.relacl) as a where a.grantee <> v.relowner),
                    array(select c.attname::text from pg_attribute as c
                          where c.attrelid = v.oid and c.attnum > 0 and not c.attisdropped order by c.attnum),
                    array(select col_description(v.oid, c.attnum) from pg_attribute as c
                          where c.attrelid = v.oid and c.attnum > 0 and not c.attisdropped order by c.attnum)
             from pg_class as v join pg_namespace as n on n.oid = v.relnamespace
             where n.nspname = $1 and v.relname = $2 and v.relkind = 'v'",
            &[&place.schema, &place.identifier],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok(String::new());
    };
    let held: Vec<String> = row.get(1);
    let worn = Worn {
        description: row.get(0),
        held: held
            .iter()
            .filter_map(|held| held.split_once(' '))
            .map(|(privilege, grantee)| (privilege.to_owned(), grantee.to_owned()))
            .collect(),
        columns: row
            .get::<_, Vec<String>>(2)
            .into_iter()
            .zip(row.get::<_, Vec<Option<String>>>(3))
            .collect(),
    };
    Ok(publication.redress_sql(&worn, readers))
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::sql::Relation;

    fn fact(grants: &[(&str, &[&str])]) -> Publication {
        Publication {
            published: Relation::new(None, "analytics", "fact"),
            version: Relation::new(None, "analytics__versions", "fact__0a_1b"),
            description: "One row an order.".into(),
            column_descriptions: IndexMap::from([("id".into(), "It's the key".into())]),
            grants: grants
                .iter()
                .map(|(privilege, grantees)| {
                    let grantees = grantees.iter().map(|name| (*name).to_owned()).collect();
                    ((*privilege).to_owned(), grantees)
                })
                .collect(),
            standing_grants: Vec::new(),
            changes: None,
        }
    }

    fn worn(held: &[(&str, &str)]) -> Worn {
        Worn {
            held: held
                .iter()
                .map(|(privilege, role)| ((*privilege).to_owned(), (*role).to_owned()))
                .collect(),
            description: Some("One row an order.".into()),
            columns: vec![("id".into(), Some("It's the key".into())), ("day".into(), None)],
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_has_changed() {
        let readers = ["Meta".to_owned()];
        let grants: &[(&str, &[&str])] = &[("SELECT", &["one", "PUBLIC"])];
        let held = [("select", "meta"), ("select", "one"), ("select", "public")];
        assert_eq!(fact(grants).redress_sql(&worn(&held), &readers), "");
        // As in dbt: a model without grants leaves what people granted.
        assert_eq!(fact(&[]).redress_sql(&worn(&held), &readers), "");
    }

    #[test]
    fn what_has_changed_is_brought_up_to_date() {
        let mut before = worn(&[("select", "meta"), ("select", "one")]);
        before.description = Some("Old.".into());
        before.columns[1].1 = Some("Gone".into());
        let readers = ["Meta".to_owned()];
        let grants: &[(&str, &[&str])] = &[("select", &["two", "public"])];
        let mut sql = fact(grants).redress_sql(&before, &readers);
        fact(grants).strip_sql(&readers, &mut sql);
        insta::assert_snapshot!(sql);
    }
}
